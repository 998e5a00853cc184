package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.models.pocket.PocketModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PlanCommandTest {
  @TempDir private Path directory;

  private static JsonNode json(CommandRun run) {
    assertEquals(0, run.exit(), run.err());
    return new JsonMapper().readTree(run.out());
  }

  @Test
  void saysBeforehandWhatQuantizeThenDoes() {
    Path model = PocketModel.extract(directory.resolve("pocket-llama"));
    Path job = directory.resolve("job");
    JsonNode plan =
        json(
            CommandRun.of(
                "plan",
                "--model",
                model,
                "--samples",
                2,
                "--max-length",
                32,
                "--json",
                "--config",
                "FP8_DEFAULT",
                "--config",
                "INT4_AWQ",
                "--job-dir",
                job));
    JsonNode fp8 = plan.get("configs").get(0);
    JsonNode done = json(CommandRun.quantize(model, directory.resolve("out"), "--json"));
    assertEquals(done.get("outputs").get(0).get("bytes").asLong(), fp8.get("bytes_after").asLong());
    assertEquals(64, plan.get("calibration").get("tokens").asInt());
    assertEquals(29, fp8.get("linears").size());
    assertEquals("fp8", fp8.get("linears").get(0).get("weight").asString());
    assertFalse(fp8.get("linears").get(28).has("weight"), "the output head stays as it is");
    // Three quarters of the linears' weights at 8 bits, one quarter at 16, and a few scales.
    assertEquals(10, fp8.get("effective_bits").asDouble(), 0.01);
    // 4 bits and a float32 scale for each 128 elements.
    assertEquals(
        0.75 * (4 + 32.0 / 128) + 0.25 * 16,
        plan.get("configs").get(1).get("effective_bits").asDouble(),
        1e-6);
    // Inputs of two layers of 64 tokens of 128 channels in bfloat16.
    assertEquals(2 * 64 * 128 * 2, plan.get("temporary_disk_bytes").asLong());
    assertTrue(plan.get("calibration_seconds").asDouble() > 0);
    assertFalse(Files.exists(job), "nothing is written");
  }
}
