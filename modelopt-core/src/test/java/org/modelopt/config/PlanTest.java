package org.modelopt.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.modelopt.error.ConfigException;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleRule;

class PlanTest {
  private static final String EXPERT = "mlp.experts.0.up_proj";

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
  void stackedExpertsAreMxfp4WeightsOrStayAsTheyAre() {
    QuantSpec byFloor = QuantSpec.MXFP4.withScaleRule(ScaleRule.POWER_FLOOR);
    assertEquals(List.of(EXPERT), stacked(Config.MXFP4_MLP_WEIGHT_ONLY));
    assertEquals(List.of(EXPERT), stacked(weightOnly(byFloor)));
    assertEquals(List.of("q_proj"), stacked(Config.FP8_DEFAULT));
    assertEquals(List.of("q_proj"), stacked(Config.MXFP4_DEFAULT));
    assertEquals(List.of("q_proj"), stacked(Config.NVFP4_DEFAULT));
    assertEquals(
        List.of("q_proj"),
        stacked(Config.FP8_DEFAULT.withRule(weightOnly(byFloor).rules().get(0))));
    ConfigException e =
        assertThrows(ConfigException.class, () -> stacked(weightOnly(QuantSpec.FP8)));
    assertTrue(
        e.getMessage().contains("stacked with the others, which may have an MXFP4 weight"),
        e.getMessage());
    assertThrows(ConfigException.class, () -> stacked(Config.NVFP4_MLP_ONLY));
  }

  private static Config weightOnly(QuantSpec spec) {
    Rule rule = Rule.quantize("*.experts.*", Target.WEIGHT, spec);
    return new Config("experts", List.of(rule), new Algorithm.Max(), Conversion.DEFAULT);
  }

  /** Quantized linears of a model with one projection and one stacked expert. */
  private static List<String> stacked(Config config) {
    List<Linear> linears =
        List.of(
            Linear.of("q_proj", 64, 64, false),
            Linear.of(EXPERT, 64, 64, true).withRole(Linear.Role.STACKED_EXPERT));
    return names(Plan.of("sketch", linears, List.of(), config));
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
