package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.error.DeviceException;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Forward passes agree with those of transformers. */
class GoldenForwardTest {
  /** Of the largest magnitude: sums of a few hundred float32 terms in another order. */
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pocket-llama",
        "pocket-moe",
        "llama",
        "llama-linear",
        "llama-rope3",
        "llama-bias-yarn",
        "mistral-swa",
        "mixtral",
        "qwen2",
        "qwen2-moe",
        "qwen3",
        "qwen3-moe",
        "gemma2",
        "gemma3",
        "phi3",
        "granite",
        "olmo2",
        "smollm3",
        "glm4",
        "deepseek-v3",
        "gpt-oss",
        "llama4"
      })
  void logitsAndHiddenStatesAgree(String name, @TempDir Path directory) {
    Checkpoints.write(name, directory);
    // Of the pocket models every eighth position is kept.
    compare(directory, name.startsWith("pocket-") ? 8 : 1);
  }

  /** Sums and functions of the GPU's own order; in bfloat16 each result is rounded to 2^-9. */
  @ParameterizedTest
  @CsvSource({
    "pocket-llama, FLOAT32, 1e-4",
    "llama, FLOAT32, 1e-4",
    "llama-linear, FLOAT32, 1e-4",
    "llama-rope3, FLOAT32, 1e-4",
    "llama-bias-yarn, FLOAT32, 1e-4",
    "pocket-llama, BFLOAT16, 3e-2",
    "llama, BFLOAT16, 3e-2"
  })
  void theGpuAgreesToo(
      String name, Precision precision, double tolerance, @TempDir Path directory) {
    Backend gpu;
    try {
      gpu = Backends.open("cuda", BackendOptions.defaults());
    } catch (DeviceException e) {
      abort(e.getMessage());
      return;
    }
    Checkpoints.write(name, directory);
    compare(directory, name.equals("pocket-llama") ? 8 : 1, gpu, precision, tolerance);
  }

  private static void compare(Path directory, int step) {
    Backend cpu = Backends.open("cpu", BackendOptions.defaults());
    compare(directory, step, cpu, Precision.FLOAT32, TOLERANCE);
  }

  private static void compare(
      Path directory, int step, Backend opened, Precision precision, double tolerance) {
    try (HfModel model = Models.load(directory);
        Backend backend = opened;
        Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      SafetensorsFile expected = SafetensorsFile.open(directory.resolve("golden.safetensors"));
      Tensor ids = expected.open("input_ids", arena);
      int tokens = (int) ids.shape().dim(1);
      PlainRun run = new PlainRun(model, precision, backend, scope, arena, 0, tokens);
      float[] logits = run.run(ids.reshape(Shape.of(tokens)));
      agree(expected.open("logits", arena), logits, tokens, step, tolerance, "logits");
      agree(
          expected.open("hidden_1", arena),
          run.layerOutputs.getFirst(),
          tokens,
          step,
          tolerance,
          "hidden_1");
      agree(
          expected.open("hidden_last", arena),
          run.groupInputs.get("lm_head"),
          tokens,
          step,
          tolerance,
          "hidden_last");
    }
  }

  private static void agree(
      Tensor expected, float[] actual, int tokens, int step, double tolerance, String what) {
    float[] golden = expected.toFloats();
    int columns = (int) expected.shape().dim(-1);
    assertEquals(tokens * columns, actual.length, what);
    double largest = 0;
    double worst = 0;
    for (int i = 0; i < golden.length; i++) {
      float value = actual[i / columns * step * columns + i % columns];
      largest = Math.max(largest, Math.abs(golden[i]));
      // NaN counts as infinitely far.
      worst = Math.max(worst, Float.isNaN(value) ? Double.MAX_VALUE : Math.abs(value - golden[i]));
    }
    assertTrue(
        largest > 0 && worst <= tolerance * largest,
        "%s: off by %.3g of the largest magnitude %.4g".formatted(what, worst / largest, largest));
  }
}
