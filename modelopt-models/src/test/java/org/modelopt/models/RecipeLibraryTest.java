package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.config.Plan;
import org.modelopt.config.RecipeLibrary;

/** The shipped recipes quantize something of every kind of model that they say they are for. */
class RecipeLibraryTest {
  private static final Map<String, String> CHECKPOINTS =
      Map.of(
          "deepseek_v3", "deepseek-v3",
          "gpt_oss", "gpt-oss",
          "mixtral", "mixtral",
          "qwen2_moe", "qwen2-moe",
          "qwen3_moe", "qwen3-moe");

  @TempDir private Path directory;

  private Path checkpoint(String name) throws IOException {
    return Checkpoints.write(name, Files.createTempDirectory(directory, name));
  }

  static List<RecipeLibrary.Entry> recipes() {
    return RecipeLibrary.all();
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void quantizesWhatItIsFor(RecipeLibrary.Entry entry) throws IOException {
    assertEquals(entry.name(), entry.config().name());
    Stream<String> checkpoints =
        entry.modelTypes().isEmpty()
            ? Stream.of("llama", "qwen2", "gemma3")
            : entry.modelTypes().stream().map(CHECKPOINTS::get);
    for (String checkpoint : checkpoints.toList()) {
      try (HfModel model = Models.load(checkpoint(checkpoint))) {
        assertTrue(entry.fits(model.family().modelType()));
        List<Plan.PlannedLinear> linears = Plan.of(model, entry.config()).linears();
        assertTrue(linears.stream().anyMatch(one -> one.weight().isPresent()), checkpoint);
        assertTrue(
            linears.stream()
                .filter(one -> one.linear().name().matches(".*(gate|router|lm_head)$"))
                .noneMatch(one -> one.weight().isPresent()),
            "routers and output head stay");
      }
    }
  }

  @Test
  void recipesForMixturesLeaveAttentionAsItIs() throws IOException {
    for (String name : List.of("deepseek-nvfp4", "mixture-nvfp4")) {
      RecipeLibrary.Entry entry = RecipeLibrary.find(name).orElseThrow();
      String checkpoint = CHECKPOINTS.get(entry.modelTypes().getFirst());
      try (HfModel model = Models.load(checkpoint(checkpoint))) {
        assertFalse(
            Plan.of(model, entry.config()).linears().stream()
                .filter(one -> one.linear().name().contains("attn"))
                .anyMatch(one -> one.weight().isPresent()),
            name);
      }
    }
  }
}
