package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.pocket.PocketModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class AutoCommandTest {
  private static final String WEIGHTS = "model.safetensors";

  @TempDir private Path directory;
  private Path model;

  @BeforeEach
  void extractTheModel() {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
  }

  private CommandRun auto(String out, Object... more) {
    return CommandRun.of(
        Stream.concat(
                Stream.of(
                    "auto",
                    "--model",
                    model,
                    "--out",
                    directory.resolve(out),
                    "--samples",
                    2,
                    "--max-length",
                    32),
                Arrays.stream(more))
            .toArray());
  }

  @Test
  void writesACheckedCheckpointOfTheSizeAndARecipeThatGivesItAgain() throws IOException {
    CommandRun run =
        auto(
            "mixed", "--bits", 6, "--config", "NVFP4_DEFAULT", "--config", "FP8_DEFAULT", "--json");
    assertEquals(0, run.exit(), run.err());
    JsonNode json = new JsonMapper().readTree(run.out());
    assertTrue(json.get("outputs").get(0).get("verified").asBoolean());
    double bits = json.get("mixture").get("effective_bits").asDouble();
    assertTrue(bits > 5.9 && bits <= 6, run.out());
    Set<String> used = new HashSet<>();
    json.get("mixture").get("units").forEach(unit -> used.add(unit.get("config").asString()));
    assertEquals(Set.of("NVFP4_DEFAULT", "FP8_DEFAULT"), used);
    Path mixed = directory.resolve("mixed");
    CommandRun verify =
        CommandRun.of("verify", mixed, "--for", "vllm,trtllm-pytorch", "--original", model);
    assertEquals(0, verify.exit(), verify.out());
    Path again = directory.resolve("again");
    CommandRun recipe =
        CommandRun.quantize(
            model, again, "--recipe", directory.resolve("mixed.report/recipe.yaml"));
    assertEquals(0, recipe.exit(), recipe.err());
    assertEquals(-1, Files.mismatch(mixed.resolve(WEIGHTS), again.resolve(WEIGHTS)));
  }

  @Test
  void otherExportsTakeMixturesThatTheyCanHold() {
    CommandRun run =
        auto(
            "mixed",
            "--bits",
            6.5,
            "--config",
            "INT4_AWQ",
            "--config",
            "INT8_WEIGHT_ONLY",
            "--sensitivity",
            "divergence",
            "--sensitivity-samples",
            1,
            "--export",
            "compressed-tensors");
    assertEquals(0, run.exit(), run.err());
    assertTrue(run.out().contains("bits per weight"), run.out());
    assertEquals("written to  " + directory.resolve("mixed"), run.lastLine());
  }

  @Test
  void aDryRunWritesNothingAndMistakesAreNamed() {
    CommandRun dry =
        auto(
            "dry",
            "--bits",
            6,
            "--config",
            "NVFP4_DEFAULT",
            "--config",
            "FP8_DEFAULT",
            "--dry-run");
    assertEquals(0, dry.exit(), dry.err());
    assertTrue(dry.out().contains("NVFP4_DEFAULT"), dry.out());
    assertFalse(Files.exists(directory.resolve("dry")));
    CommandRun small = auto("small", "--bits", 4, "--config", "NVFP4_DEFAULT");
    assertEquals(1, small.exit());
    assertTrue(small.err().contains("the least is 4.5"), small.err());
    CommandRun measure =
        auto("m", "--bits", 6, "--config", "NVFP4_DEFAULT", "--sensitivity", "gradient");
    assertEquals(1, measure.exit());
    assertTrue(measure.err().contains("output-error or divergence"), measure.err());
    assertFalse(Files.exists(directory.resolve("m")));
  }
}
