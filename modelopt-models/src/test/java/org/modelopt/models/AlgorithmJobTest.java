package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Recipes;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.TextEncoder;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.job.JobOptions;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.report.LinearReport;
import org.modelopt.tensor.Tensor;

/** Whole jobs of the algorithms on the pocket model. */
class AlgorithmJobTest {
  private static final JobOptions OPTIONS =
      JobOptions.defaults().withThreads(2).withPrecision(Precision.FLOAT32);

  private static final Algorithm TUNED = new Algorithm.Tuned(0.25, true, true, 0.01, true, 0);

  @TempDir private Path temporary;
  private Path directory;

  @BeforeEach
  void extractTheModel() {
    directory = PocketModel.extract(temporary.resolve("pocket"));
  }

  private static List<Tensor> windows(HfModel model, int count) {
    TextEncoder encoder = model.textEncoder().orElseThrow();
    return EvaluationWindows.ofText(PocketModel.evaluationText(), encoder, 0, 128, count);
  }

  @Test
  void threadsAndJournalsDoNotChangeWhatIsDecided() {
    List<Config> configs =
        List.of(
            Config.INT4_AWQ,
            Config.NVFP4_DEFAULT.withName("TUNED").withAlgorithm(TUNED),
            Config.MXFP4_GPTQ);
    String one = PocketJob.run(directory, configs, PocketJob.samples(6, 0), OPTIONS.withThreads(1));
    JobOptions journalled = OPTIONS.withJobDirectory(temporary.resolve("job"));
    assertEquals(one, PocketJob.run(directory, configs, PocketJob.samples(6, 0), journalled));
    assertEquals(
        one,
        PocketJob.run(directory, configs, PocketJob.samples(6, 0), journalled),
        "everything comes from the journal");
  }

  @Test
  void cachesThatAreCastNeedNoSamplesAndHaveTheScaleOfTheFormat() {
    try (HfModel model = Models.load(directory)) {
      Config config =
          Config.INT4_BLOCKWISE_WEIGHT_ONLY.withKvCache(QuantSpec.FP8).withKvCache("fp8_cast");
      assertEquals(config, Recipes.parse(Recipes.write(config), "recipe"));
      assertTrue(Recipes.write(config).contains("kv_cache: fp8_cast"), Recipes.write(config));
      assertFalse(ModelOpt.plan(model, config).needsCalibration());
      Decisions cast = ModelOpt.quantize(model, config).decisions();
      assertEquals(8, cast.caches().size());
      cast.caches().values().forEach(q -> assertEquals(1f, q.scales().values().getFloat(0)));
      Config nvfp4 = Config.INT4_BLOCKWISE_WEIGHT_ONLY.withKvCache("nvfp4_cast");
      assertEquals(nvfp4, Recipes.parse(Recipes.write(nvfp4), "recipe"));
      ModelOpt.quantize(model, nvfp4)
          .decisions()
          .caches()
          .values()
          .forEach(q -> assertEquals(448f / (6 * 448), q.scales().globalScale(), 1e-7f));
      assertTrue(ModelOpt.plan(model, config.withKvCache("fp8")).needsCalibration());
      assertTrue(
          ModelOpt.plan(model, config.withoutKvCache()).caches().stream()
              .allMatch(cache -> cache.spec().isEmpty()));
      List<Tensor> windows = windows(model, 2);
      double before = Perplexity.measure(model, Decisions.NONE, windows, OPTIONS).value();
      Decisions caches =
          new Decisions(
              new LinkedHashMap<>(), new LinkedHashMap<>(), cast.caches(), new LinkedHashMap<>());
      double after = Perplexity.measure(model, caches, windows, OPTIONS).value();
      // E4M3 has 3 bits of mantissa: keys and values are off by 2^-4 at most.
      assertEquals(before, after, before / 16);
    }
  }

  /** Folded factors alone, weights unquantized, must leave the model's predictions as they were. */
  @Test
  void foldingPreservesTheFunction() {
    try (HfModel model = Models.load(directory)) {
      List<Tensor> windows = windows(model, 4);
      double before = Perplexity.measure(model, Decisions.NONE, windows, OPTIONS).value();
      for (Config config : List.of(Config.INT4_AWQ, Config.INT8_SMOOTHQUANT)) {
        QuantizedModel quantized =
            ModelOpt.quantize(model, config, PocketJob.samples(8, 0), OPTIONS);
        Decisions decisions = quantized.decisions();
        assertFalse(decisions.parameters().isEmpty(), "norms take over factors");
        SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>();
        decisions
            .weights()
            .forEach((name, weight) ->
                weights.put(
                    name,
                    new WeightDecision(weight.changes(), Optional.empty(), Optional.empty())));
        SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
        decisions
            .inputs()
            .forEach((name, input) ->
                inputs.put(
                    name, new InputDecision(input.preScale(), input.rotation(), Optional.empty())));
        Decisions folded =
            new Decisions(weights, inputs, new LinkedHashMap<>(), decisions.parameters());
        double after = Perplexity.measure(model, folded, windows, OPTIONS).value();
        // Weights are rounded to bfloat16 once more, 2^-9 each; their errors are independent.
        assertEquals(before, after, 0.004 * before, config.name());
      }
    }
  }

  @Test
  void whatAlgorithmsImproveTheyImproveAndReport() {
    try (HfModel model = Models.load(directory)) {
      List<Tensor> windows = windows(model, 16);
      Config nearest = Config.INT4_BLOCKWISE_WEIGHT_ONLY;
      double plain = perplexity(model, nearest, windows);
      double awq = perplexity(model, Config.INT4_AWQ, windows);
      double tuned = perplexity(model, nearest.withName("TUNED").withAlgorithm(TUNED), windows);
      assertTrue(awq < plain, "AWQ %s, nearest %s".formatted(awq, plain));
      assertTrue(tuned < awq, "all together %s, AWQ %s".formatted(tuned, awq));
    }
  }

  private static double perplexity(HfModel model, Config config, List<Tensor> windows) {
    QuantizedModel quantized =
        ModelOpt.quantize(
            model, config, CalibrationData.of(windows(model, 64).subList(16, 48)), OPTIONS);
    assertEquals(28, quantized.reports().size());
    for (LinearReport report : quantized.reports()) {
      assertTrue(report.weightError() > 0 && report.weightError() < 0.05, report.toString());
      assertEquals(List.of(), report.notes());
    }
    return Perplexity.measure(model, quantized.decisions(), windows, OPTIONS).value();
  }
}
