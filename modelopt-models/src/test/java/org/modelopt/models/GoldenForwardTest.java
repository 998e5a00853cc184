package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
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

  private static void compare(Path directory, int step) {
    try (HfModel model = Models.load(directory);
        Backend backend = Backends.open("cpu", BackendOptions.defaults());
        Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      SafetensorsFile expected = SafetensorsFile.open(directory.resolve("golden.safetensors"));
      Tensor ids = expected.open("input_ids", arena);
      int tokens = (int) ids.shape().dim(1);
      PlainRun run = new PlainRun(model, Precision.FLOAT32, backend, scope, arena, 0, tokens);
      float[] logits = run.run(ids.reshape(Shape.of(tokens)));
      agree(expected.open("logits", arena), logits, tokens, step, "logits");
      agree(
          expected.open("hidden_1", arena), run.layerOutputs.getFirst(), tokens, step, "hidden_1");
      agree(
          expected.open("hidden_last", arena),
          run.groupInputs.get("lm_head"),
          tokens,
          step,
          "hidden_last");
    }
  }

  private static void agree(Tensor expected, float[] actual, int tokens, int step, String what) {
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
        largest > 0 && worst <= TOLERANCE * largest,
        "%s: off by %.3g of the largest magnitude %.4g".formatted(what, worst / largest, largest));
  }
}
