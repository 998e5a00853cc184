package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.report.Report;
import org.modelopt.report.ReportFiles;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.DType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class QuantizeCommandTest {
  private static final String WEIGHTS = "model.safetensors";

  @TempDir private Path directory;
  private Path model;

  @BeforeEach
  void extractTheModel() {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
  }

  private Path out(String name) {
    return directory.resolve(name);
  }

  @Test
  void writesACheckpointThatVerifyPassesAndEvalReads() {
    CommandRun run = CommandRun.quantize(model, out("fp8"), "--kv-cache", "fp8", "--export", "hf");
    assertEquals(0, run.exit(), run.err());
    assertEquals("written to  " + out("fp8"), run.lastLine());
    assertTrue(Files.exists(out("fp8").resolve("tokenizer.json")));
    CommandRun verify =
        CommandRun.of(
            "verify",
            out("fp8"),
            "--for",
            "vllm,sglang",
            "--for",
            "trtllm-pytorch",
            "--original",
            model);
    assertEquals(0, verify.exit(), verify.out());
    Path text =
        writeText("It was a bright cold day in April, and the clocks were striking. ".repeat(40));
    CommandRun eval =
        CommandRun.of(
            "eval", "--model", out("fp8"), "--text", text, "--sequence-length", 64, "--windows", 2);
    assertEquals(0, eval.exit(), eval.err());
    assertTrue(
        eval.lastLine().matches("perplexity \\d+\\.\\d{4} over 126 tokens"), eval.lastLine());
  }

  @Test
  void writesGgufAloneWithImportanceAndBesideOtherKinds() {
    Path alone = out("alone.gguf");
    CommandRun plain =
        CommandRun.of(
            "quantize",
            "--model",
            model,
            "--samples",
            4,
            "--max-length",
            64,
            "--export",
            "gguf",
            "--gguf-type",
            "Q4_K_M",
            "--out",
            alone);
    assertEquals(0, plain.exit(), plain.err());
    assertTrue(GgufFile.open(alone).findU32("quantize.imatrix.entries_count").isPresent());
    CommandRun both =
        CommandRun.quantize(
            model,
            out("both"),
            "--config",
            "INT4_AWQ",
            "--export",
            "autoawq,gguf",
            "--gguf-type",
            "Q4_0");
    assertEquals(0, both.exit(), both.err());
    assertTrue(Files.exists(out("both").resolve("autoawq").resolve("config.json")));
    assertTrue(Files.exists(out("both").resolve("model.gguf")));
  }

  @Test
  void reportsOnEveryLinearBesideTheExportAndComparesReports() throws IOException {
    assertEquals(0, CommandRun.quantize(model, out("fp8"), "--export", "hf").exit());
    Report report = ReportFiles.read(out("fp8.report"));
    assertEquals("FP8_DEFAULT", report.config());
    assertEquals(28, report.linears().size());
    for (Report.Linear linear : report.linears()) {
      // E4M3 has 3 bits of mantissa: 7.1e-4 on anything smooth.
      assertEquals(7.1e-4, linear.weightError().orElseThrow(), 1e-4, linear.name());
    }
    assertEquals(16, report.activations().size());
    assertTrue(
        report.activations().stream().anyMatch(input -> !input.outlierChannels().isEmpty()),
        "the pocket model has outlier channels");
    assertEquals(List.of("calibrate", "export"), phases(report));
    Path page = directory.resolve("both.html");
    CommandRun compare =
        CommandRun.of("compare", out("fp8.report"), out("fp8.report"), "--html", page);
    assertEquals(0, compare.exit(), compare.err());
    assertTrue(compare.out().contains("FP8_DEFAULT"), compare.out());
    assertTrue(Files.size(page) > Files.size(out("fp8.report").resolve("report.html")));
    CommandRun missing = CommandRun.of("compare", out("fp8.report"), out("nothing"));
    assertEquals(1, missing.exit());
    assertTrue(missing.err().contains("does not exist"), missing.err());
  }

  private static List<String> phases(Report report) {
    return report.phases().stream().map(Report.Phase::name).toList();
  }

  private Path writeText(String text) {
    try {
      return Files.writeString(directory.resolve("text.txt"), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void oneAndTwoThreadsWriteTheSameFiles() throws IOException {
    assertEquals(0, CommandRun.quantize(model, out("one"), "--threads", 1).exit());
    assertEquals(0, CommandRun.quantize(model, out("two"), "--threads", 2).exit());
    try (Stream<Path> files = Files.list(out("one"))) {
      for (Path file : files.toList()) {
        Path other = out("two").resolve(file.getFileName());
        assertEquals(-1, Files.mismatch(file, other), file.toString());
      }
    }
  }

  @Test
  void severalConfigsShareOnePassAndGiveWhatEachGivesAlone() throws IOException {
    Path recipe = directory.resolve("mine.yaml");
    Files.writeString(
        recipe,
        """
        metadata: {name: "mine"}
        base: FP8_DEFAULT
        rules:
          - {modules: "*down_proj", tensors: [weight, input], format: none}
        kv_cache: fp8
        """);
    CommandRun both =
        CommandRun.quantize(
            model, out("both"), "--config", "fp8_default", "--recipe", recipe, "--json");
    assertEquals(0, both.exit(), both.err());
    JsonNode outputs = new JsonMapper().readTree(both.out()).get("outputs");
    assertEquals(2, outputs.size());
    assertEquals(out("both").resolve("mine").toString(), outputs.get(1).get("path").asString());
    assertTrue(outputs.get(1).get("verified").asBoolean());
    assertEquals(0, CommandRun.quantize(model, out("alone"), "--recipe", recipe).exit());
    Path shared = out("both").resolve("mine").resolve(WEIGHTS);
    assertEquals(-1, Files.mismatch(shared, out("alone").resolve(WEIGHTS)));
    assertTrue(
        Files.size(out("both").resolve("FP8_DEFAULT").resolve(WEIGHTS)) < Files.size(shared));
    CommandRun twice =
        CommandRun.quantize(model, out("twice"), "--recipe", recipe, "--recipe", recipe);
    assertEquals(1, twice.exit());
    assertTrue(twice.err().contains("two configs are called mine"), twice.err());
  }

  @Test
  void statisticsOfPartsStandForAllSamples() throws IOException {
    Path[] parts = {out("part1"), out("part2")};
    for (int i = 0; i < parts.length; i++) {
      CommandRun part =
          CommandRun.of(
              "calibrate",
              "--model",
              model,
              "--config",
              "FP8_DEFAULT",
              "--samples",
              2,
              "--max-length",
              32,
              "--part",
              (i + 1) + "/2",
              "--out",
              parts[i]);
      assertEquals(0, part.exit(), part.err());
      assertTrue(part.out().contains("1 samples, 32 tokens"), part.out());
    }
    CommandRun merged =
        CommandRun.of(
            "quantize",
            "--model",
            model,
            "--statistics",
            parts[0],
            "--statistics",
            parts[1],
            "--out",
            out("merged"));
    assertEquals(0, merged.exit(), merged.err());
    assertEquals(0, CommandRun.quantize(model, out("whole")).exit());
    assertEquals(-1, Files.mismatch(out("merged").resolve(WEIGHTS), out("whole").resolve(WEIGHTS)));
    CommandRun both = CommandRun.quantize(model, out("both"), "--statistics", parts[0]);
    assertEquals(1, both.exit());
    assertTrue(both.err().contains("--statistics stand for samples"), both.err());
    CommandRun third =
        CommandRun.of(
            "calibrate", "--model", model, "--samples", 2, "--part", "3/2", "--out", out("third"));
    assertEquals(1, third.exit());
    assertTrue(third.err().contains("--part is I/N"), third.err());
  }

  @Test
  void aJobDirectoryIsOnlyUsedAgainToResume() throws IOException {
    Path job = directory.resolve("job");
    assertEquals(0, CommandRun.quantize(model, out("first"), "--job-dir", job).exit());
    CommandRun again = CommandRun.quantize(model, out("second"), "--job-dir", job);
    assertEquals(1, again.exit());
    assertTrue(again.err().contains("--resume"), again.err());
    assertFalse(Files.exists(out("second")));
    CommandRun resumed = CommandRun.quantize(model, out("second"), "--job-dir", job, "--resume");
    assertEquals(0, resumed.exit(), resumed.err());
    assertEquals(-1, Files.mismatch(out("first").resolve(WEIGHTS), out("second").resolve(WEIGHTS)));
    CommandRun nowhere = CommandRun.quantize(model, out("third"), "--resume");
    assertEquals(1, nowhere.exit());
    assertTrue(nowhere.err().contains("--resume needs --job-dir"), nowhere.err());
  }

  @Test
  void referenceRoundingGivesTheBytesOfTheReferenceAndTheDefaultAFewOtherCodes() throws Exception {
    assertEquals(0, CommandRun.quantize(model, out("default")).exit());
    assertEquals(0, CommandRun.quantize(model, out("reference"), "--reference-rounding").exit());
    SafetensorsFile nearest = SafetensorsFile.open(out("default").resolve(WEIGHTS));
    SafetensorsFile reference = SafetensorsFile.open(out("reference").resolve(WEIGHTS));
    List<String> expected = resourceLines("reference-fp8-weights.sha256");
    assertEquals(56, expected.size());
    int codes = 0;
    int different = 0;
    for (String line : expected) {
      String name = line.substring(66);
      byte[] bytes = bytes(reference, name);
      assertEquals(line.substring(0, 64), sha256(bytes), name);
      if (reference.find(name).orElseThrow().dtype() == DType.F8_E4M3) {
        byte[] other = bytes(nearest, name);
        assertFalse(bytes.length == 0);
        for (int i = 0; i < bytes.length; i++) {
          int distance = Math.abs((bytes[i] & 0x7f) - (other[i] & 0x7f));
          assertTrue(distance <= 1, name);
          different += distance;
        }
        codes += bytes.length;
      }
    }
    assertArrayEquals(new int[] {786_432, 25_475}, new int[] {codes, different});
  }

  private static byte[] bytes(SafetensorsFile file, String name) {
    try (Arena arena = Arena.ofConfined()) {
      return file.open(name, arena).segment().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static List<String> resourceLines(String name) throws IOException {
    try (InputStream in = QuantizeCommandTest.class.getResourceAsStream(name)) {
      String text = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
      return text.lines().filter(line -> !line.startsWith("#")).toList();
    }
  }
}
