package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Rule;
import org.modelopt.config.SpecNames;
import org.modelopt.config.Target;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.quantize.QuantizationReport;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.report.Report;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Mixtures of experts: routers stay as they are, every expert is observed on its own tokens. */
class MixtureTest {
  @Test
  void everyExpertIsObservedOnTheTokensSentToIt(@TempDir Path directory) {
    Checkpoints.write("pocket-moe", directory);
    try (Model model = Models.load(directory)) {
      CalibrationData text = model.bundledCalibrationData().orElseThrow().samples(8).maxLength(128);
      QuantizedModel quantized =
          ModelOpt.quantize(model, Config.FP8_DEFAULT, text, JobOptions.defaults());
      for (int layer = 0; layer < 4; layer++) {
        long tokens = 0;
        int experts = 0;
        for (int expert = 0; expert < 8; expert++) {
          String name = "model.layers.%d.mlp.experts.%d.".formatted(layer, expert);
          Statistics seen = quantized.statistics().get(name + "gate_up");
          tokens += seen == null ? 0 : seen.rows();
          experts += seen == null ? 0 : 1;
          assertTrue(quantized.decisions().input(name + "up_proj").isPresent());
          assertTrue(quantized.decisions().input(name + "down_proj").isPresent());
        }
        // Each of the tokens goes to two experts.
        assertEquals(8 * 128 * 2, tokens);
        assertTrue(experts >= 7, "experts seen: " + experts);
      }
      assertReported(quantized);
    }
  }

  /** The report has the tokens of each expert. */
  private static void assertReported(QuantizedModel quantized) {
    JobOptions options = JobOptions.defaults();
    try (Backend backend = options.openBackend()) {
      Pass pass = Pass.plain(backend, quantized.precision());
      List<Report.Experts> layers =
          QuantizationReport.of(quantized, pass, Optional.empty(), List.of(), Map.of()).experts();
      assertEquals(4, layers.size());
      for (int layer = 0; layer < 4; layer++) {
        List<Long> tokens = layers.get(layer).tokens();
        assertEquals("model.layers." + layer, layers.get(layer).layer());
        assertEquals(8, tokens.size());
        assertEquals(8 * 128 * 2, tokens.stream().mapToLong(Long::longValue).sum());
        for (int expert = 0; expert < 8; expert++) {
          String group = "model.layers.%d.mlp.experts.%d.gate_up".formatted(layer, expert);
          Statistics seen = quantized.statistics().get(group);
          assertEquals(seen == null ? 0 : seen.rows(), tokens.get(expert));
        }
      }
    }
  }

  @Test
  void anExpertWithoutTokensTakesTheScalesOfTheOthers(@TempDir Path directory) {
    Checkpoints.write("pocket-moe", directory);
    try (Model model = Models.load(directory)) {
      QuantizedModel quantized =
          ModelOpt.quantize(
              model,
              Config.FP8_DEFAULT,
              CalibrationData.of(List.of(Tensor.ofInts(Arena.ofAuto(), Shape.of(1), 7))),
              JobOptions.defaults());
      Set<String> inputs = quantized.decisions().inputs().keySet();
      String expert = "model.layers.0.mlp.experts.%d.down_proj";
      List<String> seen =
          IntStream.range(0, 8)
              .mapToObj(expert::formatted)
              .filter(quantized.statistics()::containsKey)
              .toList();
      assertEquals(2, seen.size());
      assertTrue(IntStream.range(0, 8).mapToObj(expert::formatted).allMatch(inputs::contains));
    }
  }

  @Test
  void allExpertsCanBeShownAllTokens(@TempDir Path directory) {
    Checkpoints.write("pocket-moe", directory);
    try (Model model = Models.load(directory)) {
      CalibrationData text = model.bundledCalibrationData().orElseThrow().samples(2).maxLength(64);
      JobOptions options = JobOptions.defaults().withPrecision(Precision.FLOAT32);
      QuantizedModel usual = ModelOpt.quantize(model, Config.FP8_DEFAULT, text, options);
      QuantizedModel all =
          ModelOpt.quantize(
              model, Config.FP8_DEFAULT, text, options.withExperts(ExpertPolicy.ALL_TOKENS));
      all.statistics()
          .forEach((site, seen) -> {
            assertEquals(2 * 64, seen.rows(), site);
            Statistics own = usual.statistics().get(site);
            // What layers give is the same but for the rounding of larger products.
            assertTrue(own == null || seen.amax() >= 0.9999f * own.amax(), site);
            if (!site.contains(".experts.")) {
              assertEquals(own.amax(), seen.amax(), 1e-4f * own.amax(), site);
            }
          });
      assertTrue(all.statistics().size() >= usual.statistics().size());
    }
  }

  @Test
  void aJobCanBeRefusedForExpertsThatSawTooFewTokens(@TempDir Path directory) {
    Checkpoints.write("pocket-moe", directory);
    try (Model model = Models.load(directory)) {
      CalibrationData one =
          CalibrationData.of(List.of(Tensor.ofInts(Arena.ofAuto(), Shape.of(1), 7)));
      JobOptions refusing = JobOptions.defaults().withExperts(ExpertPolicy.REFUSE);
      DataException refusal =
          assertThrows(
              DataException.class,
              () -> ModelOpt.quantize(model, Config.FP8_DEFAULT, one, refusing));
      assertTrue(
          refusal.toString().contains("gate_up: saw 0 calibration tokens"), refusal.toString());
      JobOptions showing = JobOptions.defaults().withExperts(ExpertPolicy.ALL_TOKENS);
      assertEquals(
          4 * (1 + 1 + 16),
          ModelOpt.quantize(model, Config.FP8_DEFAULT, one, showing).statistics().size());
    }
  }

  @Test
  void routersAreNeverQuantized(@TempDir Path directory) {
    Checkpoints.write("qwen2-moe", directory);
    try (Model model = Models.load(directory)) {
      Set<String> quantized =
          Plan.of(model, Config.FP8_DEFAULT)
              .quantized()
              .map(planned -> planned.linear().name())
              .collect(Collectors.toSet());
      List<String> routers =
          model
              .linears()
              .filter(linear -> linear.role() == Linear.Role.ROUTER)
              .map(Linear::name)
              .toList();
      assertEquals(6, routers.size());
      routers.forEach(router -> assertFalse(quantized.contains(router), router));
      Config router =
          Config.FP8_DEFAULT.withRule(
              Rule.quantize("*.mlp.gate", Target.WEIGHT, SpecNames.get("fp8")));
      assertTrue(
          assertThrows(ConfigException.class, () -> Plan.of(model, router))
              .getMessage()
              .contains("a router"));
    }
  }

  @Test
  void stackedExpertsBecomeMxfp4AndNothingElse(@TempDir Path directory) {
    Checkpoints.write("gpt-oss", directory);
    try (Model model = Models.load(directory)) {
      CalibrationData one =
          CalibrationData.of(List.of(Tensor.ofInts(Arena.ofAuto(), Shape.of(1), 7)));
      Config gptq = Config.MXFP4_MLP_WEIGHT_ONLY.withAlgorithm(new Algorithm.Gptq());
      QuantizedModel quantized = ModelOpt.quantize(model, gptq, one, JobOptions.defaults());
      assertEquals(
          model
              .linears()
              .filter(linear -> linear.role() == Linear.Role.STACKED_EXPERT)
              .map(Linear::name)
              .collect(Collectors.toSet()),
          quantized.decisions().weights().keySet());
      // The token goes to two experts of four; the others are decided by what these saw.
      assertEquals(
          2 * 2,
          quantized.statistics().keySet().stream()
              .filter(site -> site.startsWith("model.layers.0.mlp.experts."))
              .count());
      assertTrue(
          Plan.of(model, Config.FP8_DEFAULT)
              .quantized()
              .noneMatch(planned -> planned.linear().role().isExpert()));
    }
  }

  @Test
  void stackedExpertsAreSlicedIntoLinears(@TempDir Path directory) {
    Checkpoints.write("gpt-oss", directory);
    try (HfModel model = Models.load(directory);
        Arena arena = Arena.ofShared()) {
      String experts = "model.layers.1.mlp.experts.";
      Tensor stack = model.tensors().open(experts + "gate_up_proj", arena);
      Tensor up = model.tensors().open(experts + "3.up_proj.weight", arena);
      // up [128, 64] of expert 3: odd columns of [4, 64, 256].
      assertEquals(Shape.of(128, 64), up.shape());
      assertEquals(stack.getFloat((3 * 64 + 10) * 256 + 2 * 77 + 1), up.getFloat(77 * 64 + 10));
      assertTrue(
          model.layers().stream()
              .flatMap(layer -> layer.inputGroups().stream())
              .map(InputGroup::name)
              .anyMatch((experts + "3.down_proj")::equals));
      assertFalse(
          model.tensors().tensors().stream().anyMatch(t -> t.name().contains("experts.3.")));
    }
  }
}
