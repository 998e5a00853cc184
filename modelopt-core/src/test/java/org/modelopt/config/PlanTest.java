package org.modelopt.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.modelopt.error.ConfigException;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;

class PlanTest {
  private final Model model = new SketchModel();

  @Test
  void fp8DefaultTakesEveryLinearButTheHead() {
    Plan plan = Plan.of(model, Config.FP8_DEFAULT);
    assertEquals(
        List.of(
            "model.layers.0.q_proj",
            "model.layers.0.k_proj",
            "model.layers.0.down_proj",
            "model.layers.1.q_proj",
            "model.layers.1.k_proj",
            "model.layers.1.down_proj"),
        names(plan));
    assertTrue(plan.quantized().allMatch(planned -> planned.input().isPresent()));
    assertTrue(plan.caches().stream().allMatch(cache -> cache.spec().isEmpty()));
    assertTrue(plan.needsCalibration());
  }

  @Test
  void aLaterRuleOverridesAnEarlierOne() {
    Config config =
        Config.FP8_DEFAULT
            .withoutModules("*down_proj")
            .withRule(Rule.quantize("*.1.down_proj", Target.WEIGHT, QuantSpec.FP8))
            .withRule(Rule.quantize("lm_head", Target.WEIGHT, QuantSpec.FP8));
    Plan plan = Plan.of(model, config);
    assertFalse(names(plan).contains("model.layers.0.down_proj"));
    assertTrue(names(plan).contains("model.layers.1.down_proj"));
    assertTrue(names(plan).contains("lm_head"));
    Plan.PlannedLinear weightOnly =
        plan.quantized()
            .filter(planned -> planned.linear().name().equals("model.layers.1.down_proj"))
            .findFirst()
            .orElseThrow();
    assertTrue(weightOnly.input().isEmpty());
  }

  @Test
  void theCacheIsQuantizedOnlyOnRequest() {
    Plan plan = Plan.of(model, Config.FP8_DEFAULT.withKvCache(QuantSpec.FP8));
    assertTrue(plan.caches().stream().allMatch(cache -> cache.spec().isPresent()));
    assertEquals(2, plan.caches().size());
  }

  @Test
  void aPatternThatFitsNothingIsAnErrorThatListsWhatThereIs() {
    ConfigException e =
        assertThrows(
            ConfigException.class,
            () -> Plan.of(model, Config.FP8_DEFAULT.withoutModules("*gate_proj")));
    assertTrue(e.getMessage().contains("\"*gate_proj\" fits no module of sketch"), e.getMessage());
    assertTrue(e.getMessage().contains("q_proj, k_proj, down_proj, lm_head"), e.getMessage());
  }

  @Test
  void aConfigThatQuantizesNothingIsAnError() {
    Config nothing = Config.FP8_DEFAULT.withoutModules("*");
    assertThrows(ConfigException.class, () -> Plan.of(model, nothing));
  }

  @Test
  void anUnknownPresetIsAnErrorThatListsThePresets() {
    ConfigException e = assertThrows(ConfigException.class, () -> Config.preset("FP9"));
    assertTrue(e.getMessage().contains("FP8_DEFAULT"), e.getMessage());
  }

  private static List<String> names(Plan plan) {
    return plan.quantized().map(planned -> planned.linear().name()).toList();
  }

  @Test
  void theNearestModulesOfAMistypedPatternAreNamed() {
    ConfigException e =
        assertThrows(
            ConfigException.class,
            () -> Plan.of(model, Config.FP8_DEFAULT.withoutModules("*.dwn_proj")));
    assertTrue(
        e.getMessage().contains("nearest: model.layers.0.down_proj, model.layers.1.down_proj"),
        e.getMessage());
  }

  @Test
  void int4WeightsMayBeReadAsFp8() {
    Plan plan = Plan.of(model, Config.W4A8_AWQ_BETA);
    assertTrue(plan.quantized().allMatch(planned -> planned.dequantizedWeight().isPresent()));
    Plan without = Plan.of(model, Config.W4A8_AWQ_BETA.withoutModules("*down_proj"));
    assertEquals(
        4, without.linears().stream().filter(p -> p.dequantizedWeight().isPresent()).count());
  }

  @Test
  void dynamicInputsUnderAGlobalScaleNeedCalibration() {
    assertTrue(Plan.of(model, Config.NVFP4_DEFAULT).needsCalibration());
    assertFalse(Plan.of(model, Config.MXFP4_DEFAULT).needsCalibration());
    assertFalse(Plan.of(model, Config.FP8_PER_CHANNEL_PER_TOKEN).needsCalibration());
  }
}
