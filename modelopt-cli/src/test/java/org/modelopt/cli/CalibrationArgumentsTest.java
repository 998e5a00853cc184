package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.report.Report;
import org.modelopt.report.ReportFiles;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CalibrationArgumentsTest {
  private static final int LENGTH = 16;

  @TempDir private Path directory;
  private Path model;
  private Path tales;
  private Path letters;

  @BeforeEach
  void extractTheModel() throws IOException {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
    tales = directory.resolve("tales.jsonl");
    letters = directory.resolve("letters.jsonl");
    Files.writeString(tales, lines("The old house number %d stood by the sea.", 40));
    Files.writeString(letters, lines("Dear sir, I received your letter of the %dth.", 40));
  }

  private static String lines(String text, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "{\"text\": \"" + text.formatted(i) + "\"}\n")
        .collect(Collectors.joining());
  }

  private CommandRun quantize(String out, Object... more) {
    CommandRun run =
        CommandRun.of(
            Stream.concat(
                    Stream.of(
                        "quantize",
                        "--model",
                        model,
                        "--out",
                        directory.resolve(out),
                        "--max-length",
                        LENGTH,
                        "--json"),
                    Stream.of(more))
                .toArray());
    assertEquals(0, run.exit(), run.err());
    return run;
  }

  private static JsonNode calibration(CommandRun run) {
    return JsonMapper.shared().readTree(run.out()).get("calibration");
  }

  private byte[] weights(String out) throws IOException {
    return Files.readAllBytes(directory.resolve(out).resolve("model.safetensors"));
  }

  @Test
  void severalFilesGiveTheirSharesOfTheSamples() throws IOException {
    Path few = directory.resolve("few.jsonl");
    Files.writeString(few, lines("Short story %d.", 3) + "{\"text\": \"\"}\n");
    CommandRun run =
        quantize("mixed", "--calib", tales, "--calib-weight", 3, "--calib", few, "--samples", 8);
    JsonNode counts = calibration(run);
    assertEquals(tales + " + " + few, counts.get("source").asString());
    assertEquals(8, counts.get("asked").asInt());
    assertEquals(8, counts.get("samples").asInt());
    CommandRun all = quantize("all", "--calib", tales, "--calib", few, "--samples", 16);
    assertEquals(8 + 3, calibration(all).get("samples").asInt(), "the second file has only three");
    assertEquals(8 + 4, calibration(all).get("read").asInt());
    assertEquals(1, calibration(all).get("too_short").asInt());
    Report report = ReportFiles.read(directory.resolve("all.report"));
    String line = report.provenance().get("calibration");
    assertEquals(
        "11 samples, %d tokens of %s + %s; 16 asked for, 12 read, 1 too short"
            .formatted(calibration(all).get("tokens").asInt(), tales, few),
        line);
  }

  @Test
  void aSeedDrawsTheSameSamplesAgainAndAnotherSeedOthers() throws IOException {
    quantize("first", "--calib", tales, "--samples", 4, "--seed", 1);
    quantize("again", "--calib", tales, "--samples", 4, "--seed", 1);
    quantize("other", "--calib", tales, "--samples", 4, "--seed", 2);
    assertEquals(-1, Arrays.mismatch(weights("first"), weights("again")));
    assertNotEquals(-1, Arrays.mismatch(weights("first"), weights("other")));
  }

  @Test
  void packedSamplesHaveExactlyTheMaximumLength() {
    JsonNode counts =
        calibration(
            quantize("packed", "--calib", tales, "--calib", letters, "--samples", 6, "--packed"));
    assertEquals(6, counts.get("samples").asInt());
    assertEquals(6 * LENGTH, counts.get("tokens").asInt());
  }
}
