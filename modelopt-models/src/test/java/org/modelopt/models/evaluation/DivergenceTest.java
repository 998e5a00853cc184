package org.modelopt.models.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.decision.Decisions;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Tensor;

class DivergenceTest {
  private static final JobOptions OPTIONS = JobOptions.defaults().withPrecision(Precision.FLOAT32);

  private static List<Tensor> windows(HfModel model) {
    return EvaluationWindows.ofText(
        PocketModel.evaluationText(), model.tokenizer(), model.beginOfText().orElseThrow(), 128, 4);
  }

  @Test
  void aModelDoesNotDivergeFromItself(@TempDir Path directory) {
    PocketModel.extract(directory);
    try (HfModel model = Models.load(directory);
        HfModel same = Models.load(directory)) {
      Divergence divergence = Divergence.measure(model, same, windows(model), OPTIONS);
      assertEquals(0, divergence.meanKl());
      assertEquals(1, divergence.topAgreement());
      assertEquals(1, divergence.overlap(), 1e-6);
      assertEquals(0, divergence.flips());
      assertEquals(4 * 128, divergence.positions());
      assertEquals(
          Perplexity.measure(model, windows(model), OPTIONS).value(),
          divergence.perplexity(),
          1e-6 * divergence.perplexity());
    }
  }

  @Test
  void coarserFormatsDivergeMoreAndBreakLimits(@TempDir Path directory) {
    PocketModel.extract(directory);
    try (HfModel model = Models.load(directory)) {
      Decisions fine = decisions(model, Config.FP8_DEFAULT);
      Decisions coarse = decisions(model, Config.MXFP4_DEFAULT);
      Divergence small = Divergence.measure(model, fine, windows(model), OPTIONS);
      Divergence large = Divergence.measure(model, coarse, windows(model), OPTIONS);
      assertTrue(small.meanKl() > 0 && small.meanKl() < large.meanKl(), small + " " + large);
      assertTrue(large.topAgreement() < 1 && large.flips() > 0);

      Guard guard =
          new Guard(
              List.of(Guardrail.kl(large.meanKl() * 0.9), Guardrail.perplexity(1000)),
              () -> windows(model),
              Map.of(),
              Map.of());
      assertEquals(List.of(), guard.measure(model, fine, OPTIONS).broken());
      List<String> broken = guard.measure(model, coarse, OPTIONS).broken();
      assertEquals(1, broken.size());
      assertTrue(broken.getFirst().startsWith("mean KL divergence is "), broken.toString());
    }
  }

  private static Decisions decisions(HfModel model, Config config) {
    QuantizedModel quantized =
        ModelOpt.quantize(
            model,
            config,
            model.bundledCalibrationData().orElseThrow().samples(8).maxLength(128),
            OPTIONS);
    return quantized.decisions();
  }

  @Test
  void guardrailsReadTextAndSayByHowMuch() {
    assertEquals(Guardrail.perplexity(2), Guardrail.parse("perplexity:2"));
    assertEquals(Guardrail.task("mmlu", 1.5), Guardrail.parse("mmlu:1.5"));
    assertThrows(ConfigException.class, () -> Guardrail.parse("perplexity"));
    assertThrows(ConfigException.class, () -> Guardrail.parse("kl:-1"));
    assertThrows(ConfigException.class, () -> Guardrail.parse("kl:much"));
    assertEquals(
        Optional.of("mmlu drops by 2.00 points, from 50.00 to 48.00, more than 1.5"),
        Guardrail.task("mmlu", 1.5).broken("mmlu", 0.5, 0.48));
    assertEquals(Optional.empty(), Guardrail.task("mmlu", 1.5).broken("mmlu", 0.5, 0.49));
    assertEquals(Optional.empty(), Guardrail.task("mmlu", 1.5).broken("arc", 0.5, 0));
    assertTrue(Guardrail.kl(1).broken(new Divergence(Double.NaN, 1, 1, 0, 1, 1, 1)).isPresent());
  }
}
