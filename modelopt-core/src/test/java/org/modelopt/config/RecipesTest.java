package org.modelopt.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.error.ConfigException;
import org.modelopt.numeric.QuantSpec;

class RecipesTest {
  static java.util.List<Config> presets() {
    return Config.presets();
  }

  @ParameterizedTest
  @MethodSource("presets")
  void everyPresetReadsBackAsItself(Config preset) {
    Config withCache = preset.withKvCache(QuantSpec.FP8);
    assertEquals(preset, Recipes.parse(Recipes.write(preset), "recipe"));
    assertEquals(withCache, Recipes.parse(Recipes.write(withCache), "recipe"));
  }

  @ParameterizedTest
  @MethodSource("presets")
  void everyPresetIsFoundByItsName(Config preset) {
    assertEquals(preset, Config.preset(preset.name()));
  }

  @Test
  void aRecipeMayStartFromAPreset() {
    Config config =
        Recipes.parse(
            """
            metadata: {name: mine, description: all but down_proj}
            base: FP8_DEFAULT
            rules:
              - {modules: "*down_proj", tensors: [weight, dequantized_weight, input], format: none}
            algorithm: {method: awq_full, alpha_step: 0.05}
            kv_cache: fp8
            """,
            "recipe");
    assertEquals(
        Config.FP8_DEFAULT
            .withName("mine")
            .withoutModules("*down_proj")
            .withAlgorithm(new Algorithm.AwqFull(0.05, 0.5, 0.05))
            .withKvCache(QuantSpec.FP8),
        config);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          bases: FP8_DEFAULT | line 1: unknown key "bases"; did you mean "base"
          base: FP8_DEFAUL | line 1: no preset "FP8_DEFAUL"; did you mean "FP8_DEFAULT"
          {base: FP8_DEFAULT, algorithm: {method: gtpq}} | no algorithm "gtpq"; did you mean "gptq"
          {base: FP8_DEFAULT, algorithm: {method: gptq, dampng: 1}} | did you mean "damping"
          {base: FP8_DEFAULT, algorithm: {method: gptq, damping: big}} | "big" is not a number
          {base: FP8_DEFAULT, algorithm: {method: gptq, damping: 7}} | damping must be 0 to 1
          {base: FP8_DEFAULT, kv_cache: fp9} | no format "fp9"; did you mean "fp8"
          {base: FP8_DEFAULT, rules: [{modules: a, tensors: [wieght], format: fp8}]} | did you mean "weight"
          {base: FP8_DEFAULT, rules: [{modules: a, tensors: [weight]}]} | the key "format" is missing
          {base: FP8_DEFAULT, rules: {}} | expected a list
          {base: FP8_DEFAULT, kv_cache: E4M3/blok 3/F32/AMAX_OVER_MAX} | allowed: tensor, channel
          {base: FP8_DEFAULT, base: INT4_AWQ} | twice
          [ | is not YAML
          """)
  void mistakesAreNamedWithLineAndSuggestion(String yaml, String message) {
    ConfigException e = assertThrows(ConfigException.class, () -> Recipes.parse(yaml, "recipe"));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void theLineOfAMistakeIsCountedFromOne() {
    String yaml = "base: FP8_DEFAULT\n\nalgorithm:\n  method: maxx\n";
    ConfigException e = assertThrows(ConfigException.class, () -> Recipes.parse(yaml, "r.yaml"));
    assertTrue(e.getMessage().startsWith("r.yaml, line 4:"), e.getMessage());
  }
}
