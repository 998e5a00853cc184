package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.safetensors.SafetensorsCheckpoint;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.safetensors.ShardedWriter;
import org.modelopt.tensor.TensorInfo;

/**
 * What goes wrong is said with place and remedy, the exit code is 1, and nothing is left behind.
 */
class BadInputTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir private Path directory;
  private Path model;
  private Path out;

  @BeforeEach
  void extractTheModel() throws IOException {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
    out = Files.createDirectory(directory.resolve("results")).resolve("fp8");
  }

  /** Quantizes and expects a failure whose message has all of these parts. */
  private void assertFails(CommandRun run, String... parts) throws IOException {
    assertEquals(1, run.exit(), run.err());
    String message =
        run.err().lines().filter(line -> line.startsWith("modelopt: ")).findFirst().orElse("");
    for (String part : parts) {
      assertTrue(run.err().contains(part), part + " is not in: " + run.err());
    }
    assertFalse(message.isEmpty(), run.err());
    assertFalse(run.err().contains("\tat "), run.err());
    try (Stream<Path> left = Files.list(out.getParent())) {
      assertEquals(List.of(), left.toList());
    }
  }

  private CommandRun quantize(Object... more) {
    return CommandRun.quantize(model, out, more);
  }

  /** Splits the model into shards of at most 600 kB. */
  private void shard() throws IOException {
    Path single = model.resolve(WEIGHTS);
    SafetensorsFile whole = SafetensorsFile.open(single);
    ShardPlan plan = ShardPlan.of(whole.tensors(), 600_000);
    Path shards = Files.createDirectory(directory.resolve("shards"));
    try (ShardedWriter writer = ShardedWriter.create(shards, plan);
        Arena arena = Arena.ofConfined()) {
      for (TensorInfo info : whole.tensors()) {
        writer.write(info.name(), whole.open(info.name(), arena).segment());
      }
      writer.finish();
    }
    Files.delete(single);
    try (Stream<Path> files = Files.list(shards)) {
      for (Path file : files.toList()) {
        Files.move(file, model.resolve(file.getFileName()));
      }
    }
    assertTrue(SafetensorsCheckpoint.open(model).files().size() >= 3);
  }

  private Path firstShard() {
    return SafetensorsCheckpoint.open(model).files().getFirst().path();
  }

  @Test
  void truncatedShard() throws IOException {
    shard();
    Path shard = firstShard();
    try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
      file.setLength(file.length() - 1000);
    }
    assertFails(quantize(), shard.toString(), "the download is incomplete");
  }

  @Test
  void missingShard() throws IOException {
    shard();
    Path shard = firstShard();
    Files.delete(shard);
    assertFails(
        quantize(),
        model.resolve(INDEX).toString(),
        String.valueOf(shard.getFileName()),
        "incomplete");
  }

  @Test
  void indexThatNamesATensorTwice() throws IOException {
    shard();
    Path index = model.resolve(INDEX);
    String text = Files.readString(index);
    String norm = "\"model.norm.weight\"";
    Files.writeString(
        index,
        text.replace(norm, "\"model.norm.weight\": \"model-00001-of-00004.safetensors\", " + norm));
    assertFails(quantize(), index.toString(), "Duplicate", "model.norm.weight");
  }

  @Test
  void notANumberInAWeight() throws IOException {
    String name = "model.layers.1.mlp.up_proj.weight";
    Path file = model.resolve(WEIGHTS);
    long offset = SafetensorsFile.open(file).findStored(name).orElseThrow().offset();
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(offset + 2 * 777);
      bytes.write(new byte[] {(byte) 0xc0, 0x7f}); // BF16 NaN
    }
    assertFails(quantize(), "pocket-llama", name, "NaN");
  }

  @Test
  void shapeThatTheConfigDoesNotCallFor() throws IOException {
    Path config = model.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"intermediate_size\": 384", "\"intermediate_size\": 400"));
    assertFails(quantize(), model.toString(), "mlp.", "[384, 128]", "[400, 128]");
  }

  @Test
  void missingTokenizer() throws IOException {
    Files.delete(model.resolve("tokenizer.json"));
    assertFails(quantize(), model.resolve("tokenizer.json").toString());
  }

  private Path calibration(String text) throws IOException {
    return Files.writeString(directory.resolve("calibration.jsonl"), text, StandardCharsets.UTF_8);
  }

  @Test
  void emptyCalibrationFile() throws IOException {
    Path file = calibration("");
    assertFails(quantize("--calib", file), file.toString(), "is empty");
  }

  @Test
  void calibrationFileThatIsNotJson() throws IOException {
    Path file =
        calibration("{\"text\": \"a good line of text that is long enough\"}\nno json here\n");
    assertFails(quantize("--calib", file), file.toString(), "line 2");
  }

  @Test
  void calibrationFileWithoutText() throws IOException {
    Path file = calibration("{\"prompt\": \"what now?\"}\n");
    assertFails(quantize("--calib", file), file.toString(), "text", "messages");
  }

  @Test
  void outputDirectoryThatIsNotEmpty() throws IOException {
    Path taken = Files.createDirectory(directory.resolve("taken"));
    Path file = Files.writeString(taken.resolve("mine.txt"), "mine");
    CommandRun run = CommandRun.quantize(model, taken);
    assertFails(run, taken.toString(), "is not empty", "choose another target");
    assertFalse(run.err().contains("calibrate"), "it is refused before work begins: " + run.err());
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void fullDisk() throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    Assumptions.assumeTrue(
        mounted("mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", small.toString()),
        "only a superuser can mount a small disk; SafetensorsWriterTest writes to /dev/full"
            + " instead");
    try {
      assertFails(
          CommandRun.quantize(model, small.resolve("fp8")),
          small.toString(),
          "bytes are needed but only");
      try (Stream<Path> left = Files.list(small)) {
        assertEquals(List.of(), left.toList());
      }
    } finally {
      assertTrue(mounted("umount", small.toString()));
    }
  }

  private static boolean mounted(String... command) throws Exception {
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Quantizes in a process of its own. */
  private Process started(Object... more) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Main.class.getName(),
                "quantize",
                "--model",
                model.toString(),
                "--out",
                out.toString()));
    Arrays.stream(more).map(String::valueOf).forEach(command::add);
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  @Test
  void interruptedJobSaysHowToGoOn() throws Exception {
    Path job = directory.resolve("job");
    Process process = started("--samples", 64, "--job-dir", job);
    List<String> said = new ArrayList<>();
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      String line = lines.readLine();
      while (line != null) {
        said.add(line);
        if (line.startsWith("calibrate") && process.supportsNormalTermination()) {
          process.toHandle().destroy(); // leaves its output open, unlike the process itself
        }
        line = lines.readLine();
      }
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertTrue(
        said.stream().anyMatch(line -> line.contains("go on with: ") && line.endsWith("--resume")),
        said.toString());
    assertFalse(Files.exists(out));
    assertEquals(
        0,
        CommandRun.of(
                "quantize",
                "--model",
                model,
                "--out",
                out,
                "--samples",
                64,
                "--job-dir",
                job,
                "--resume")
            .exit());
  }

  @Test
  void killedHalfWay() throws Exception {
    Process process = started("--samples", 2);
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      String line = lines.readLine();
      while (line != null && !line.startsWith("export")) {
        line = lines.readLine();
      }
      assertTrue(line != null, "it reached the export");
    } finally {
      process.destroyForcibly().waitFor();
    }
    // It may have got further before the signal came; but never half.
    assertTrue(!Files.exists(out) || Files.exists(out.resolve("hf_quant_config.json")));
    Path second = Files.exists(out) ? out.resolveSibling("second") : out;
    assertEquals(0, CommandRun.quantize(model, second).exit());
    try (Stream<Path> left = Files.list(out.getParent())) {
      assertTrue(left.noneMatch(path -> path.getFileName().toString().startsWith(".")));
    }
  }

  @Test
  void unknownPresetAndPatternThatFitsNothing() throws IOException {
    assertFails(quantize("--config", "FP8_DEFUALT"), "did you mean \"FP8_DEFAULT\"?");
    assertFails(quantize("--exclude", "*down_porj"), "*down_porj", "model.layers.0.mlp.down_proj");
  }

  @Test
  void commandLineThatCannotBeUnderstood() {
    assertEquals(2, CommandRun.of("quantize", "--modle", "x").exit());
    assertEquals(2, CommandRun.of("quantize", "--model", model).exit(), "--out is missing");
  }
}
