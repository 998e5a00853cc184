package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Recipes;
import org.modelopt.config.Rule;
import org.modelopt.config.Target;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.mixed.Mix;
import org.modelopt.mixed.Option;
import org.modelopt.mixed.Unit;
import org.modelopt.model.Model;
import org.modelopt.models.evaluation.Divergence;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.AutoQuantized;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.quantize.SensitivityOptions;
import org.modelopt.quantize.SensitivityOptions.Measure;
import org.modelopt.tensor.Tensor;

class AutoQuantizeTest {
  private static final JobOptions OPTIONS =
      JobOptions.defaults().withThreads(2).withPrecision(Precision.FLOAT32);
  private static final List<Config> CANDIDATES = List.of(Config.NVFP4_DEFAULT, Config.FP8_DEFAULT);
  private static final SensitivityOptions DIVERGENCE =
      new SensitivityOptions(Measure.DIVERGENCE, 1);

  @TempDir private Path directory;

  private HfModel pocket() {
    return Models.load(PocketModel.extract(directory.resolve("pocket")));
  }

  private static List<Tensor> windows(HfModel model, int from, int to) {
    TextEncoder encoder = model.textEncoder().orElseThrow();
    return EvaluationWindows.ofText(PocketModel.evaluationText(), encoder, 0, 128, to)
        .subList(from, to);
  }

  private static AutoQuantized run(HfModel model, double bits, SensitivityOptions how) {
    CalibrationData data = CalibrationData.of(windows(model, 16, 20));
    return ModelOpt.autoQuantize(model, CANDIDATES, bits, data, how, OPTIONS);
  }

  private static QuantizedModel quantized(HfModel model, Config config) {
    return ModelOpt.quantize(model, config, CalibrationData.of(windows(model, 16, 20)), OPTIONS);
  }

  private static double divergence(HfModel model, QuantizedModel quantized) {
    return Divergence.measure(model, quantized.decisions(), windows(model, 0, 4), OPTIONS).meanKl();
  }

  /** Two sizes from one measurement, and the mixture that is chosen the other way round. */
  @Test
  void mixturesKeepTheirBudgetsAndLoseLittle() {
    try (HfModel model = pocket()) {
      for (SensitivityOptions how : List.of(SensitivityOptions.DEFAULT, DIVERGENCE)) {
        AutoQuantized auto = run(model, 6, how);
        Mix mix = auto.mix();
        assertEquals(16, mix.choices().size(), "four units in each of four layers");
        assertTrue(mix.effectiveBits() <= 6 && mix.effectiveBits() > 5.9, mix.toString());
        double middle = divergence(model, auto.model());
        Mix large = auto.sensitivities().solve(8.01);
        assertTrue(large.effectiveBits() <= 8.01 && large.score() < mix.score());
        assertTrue(divergence(model, quantized(model, large.config())) < middle, how.toString());
        assertTrue(middle < divergence(model, quantized(model, opposite(mix))), how.toString());
      }
    }
  }

  /** FP8 for those that bear NVFP4 best, as many elements at least. */
  private static Config opposite(Mix mix) {
    Config opposite = Config.NVFP4_DEFAULT.withName("OPPOSITE");
    long extra = 0;
    for (Mix.Choice choice : mix.choices()) {
      extra += choice.option().candidate().equals("FP8_DEFAULT") ? choice.unit().elements() : 0;
    }
    for (Mix.Choice choice :
        mix.choices().stream()
            .filter(c -> c.option().candidate().equals("NVFP4_DEFAULT"))
            .sorted((a, b) -> Double.compare(a.option().score(), b.option().score()))
            .toList()) {
      for (String linear : extra > 0 ? choice.unit().names() : Set.<String>of()) {
        opposite = withFp8(opposite, linear);
      }
      extra -= choice.unit().elements();
    }
    return opposite;
  }

  private static Config withFp8(Config config, String linear) {
    Config changed = config;
    for (Target target : List.of(Target.WEIGHT, Target.INPUT)) {
      changed = changed.withRule(Rule.quantize(linear, target, QuantSpec.FP8));
    }
    return changed;
  }

  @Test
  void theConfigIsAnOrdinaryOneAndThreadsDoNotChangeIt() {
    try (HfModel model = pocket()) {
      CalibrationData data = CalibrationData.of(windows(model, 16, 17));
      List<Config> candidates =
          Stream.of(Config.INT4_AWQ, Config.INT8_WEIGHT_ONLY)
              .map(config -> config.withKvCache(QuantSpec.FP8))
              .toList();
      AutoQuantized one =
          ModelOpt.autoQuantize(
              model, candidates, 5, data, SensitivityOptions.DEFAULT, OPTIONS.withThreads(1));
      AutoQuantized two =
          ModelOpt.autoQuantize(model, candidates, 5, data, SensitivityOptions.DEFAULT, OPTIONS);
      assertEquals(one.sensitivities(), two.sensitivities());
      assertEquals(one.mix(), two.mix());
      Config config = one.mix().config();
      assertEquals(config, Recipes.parse(Recipes.write(config), "recipe"));
      assertEquals(new Algorithm.AwqLite(), config.algorithm());
      assertEquals(8, one.model().decisions().caches().size());
      Map<String, Plan.PlannedLinear> planned =
          Plan.of(model, config).linears().stream()
              .collect(Collectors.toMap(p -> p.linear().name(), Function.identity()));
      for (Mix.Choice choice : one.mix().choices()) {
        choice.option().linears().forEach(p -> assertEquals(p, planned.get(p.linear().name())));
      }
      double larger = one.sensitivities().solve(7).score();
      assertTrue(larger < one.mix().score(), "other sizes need no other pass");
    }
  }

  @Test
  void expertsOfALayerAreTreatedAlikeAndFused() {
    Checkpoints.write("pocket-moe", directory);
    try (Model model = Models.load(directory)) {
      CalibrationData text = model.bundledCalibrationData().orElseThrow().samples(2).maxLength(32);
      AutoQuantized auto = ModelOpt.autoQuantize(model, CANDIDATES, 6, text);
      Unit experts =
          auto.mix().choices().stream()
              .map(Mix.Choice::unit)
              .filter(unit -> unit.name().endsWith(".experts"))
              .findFirst()
              .orElseThrow();
      assertEquals(24, experts.names().size());
      Map<String, Set<Optional<QuantSpec>>> formats =
          auto.model().plan().linears().stream()
              .filter(planned -> planned.linear().name().contains(".experts."))
              .collect(
                  Collectors.groupingBy(
                      planned -> planned.linear().name().replaceAll("\\.mlp.*", ""),
                      Collectors.mapping(Plan.PlannedLinear::weight, Collectors.toSet())));
      assertEquals(4, formats.size());
      formats.forEach((layer, specs) -> assertEquals(1, specs.size(), layer));
      assertTrue(
          auto.mix().config().rules().stream()
              .noneMatch(rule -> rule.pattern().contains("experts.3.")));
    }
  }

  @Test
  void whatCannotBeIsRefusedBeforeWorkBegins() {
    try (HfModel model = pocket()) {
      String small = refusal(model, CANDIDATES, 4);
      assertTrue(small.contains("the least is 4.50"), small);
      double least = Double.parseDouble(small.replaceAll(".*the least is ([0-9.]+):.*", "$1"));
      assertEquals(
          0,
          run(model, least, SensitivityOptions.DEFAULT).mix().choices().stream()
              .filter(choice -> choice.option().candidate().equals(Option.UNQUANTIZED))
              .count());
      String mixed = refusal(model, List.of(Config.INT4_AWQ, Config.INT4_GPTQ), 6);
      assertTrue(mixed.contains("have different algorithms"), mixed);
      String caches =
          refusal(
              model, List.of(Config.FP8_DEFAULT.withKvCache(QuantSpec.FP8), Config.INT4_AWQ), 6);
      assertTrue(caches.contains("KV cache differently"), caches);
      String twice = refusal(model, List.of(Config.FP8_DEFAULT, Config.FP8_DEFAULT), 9);
      assertTrue(twice.contains("two candidates are called FP8_DEFAULT"), twice);
    }
  }

  private static String refusal(Model model, List<Config> candidates, double bits) {
    CalibrationData none = CalibrationData.file(Path.of("does-not-exist.jsonl"));
    String message =
        assertThrows(
                ConfigException.class, () -> ModelOpt.autoQuantize(model, candidates, bits, none))
            .getMessage();
    return message == null ? "" : message;
  }
}
