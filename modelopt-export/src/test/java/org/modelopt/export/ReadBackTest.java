package org.modelopt.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Decisions;
import org.modelopt.error.ConfigException;
import org.modelopt.export.write.Export;
import org.modelopt.export.write.ExportOptions;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Exports that pass the check, read back, predict as what was decided. */
class ReadBackTest {
  private static final JobOptions JOB = JobOptions.defaults().withPrecision(Precision.FLOAT32);

  @TempDir private static Path directory;
  private static final Map<String, Double> DECIDED = new LinkedHashMap<>();
  private static List<Tensor> windows;

  @BeforeAll
  static void exportEverything() {
    Map<Config, List<String>> kinds = new LinkedHashMap<>();
    List<String> integers = List.of("hf", "compressed-tensors", "autoawq", "llm-awq", "gptq");
    kinds.put(Config.INT4_AWQ, integers);
    kinds.put(Config.INT8_WEIGHT_ONLY, List.of("hf", "compressed-tensors", "gptq"));
    kinds.put(Config.INT8_SMOOTHQUANT, List.of("hf", "compressed-tensors"));
    kinds.put(Config.W4A8_AWQ_BETA, List.of("hf"));
    kinds.put(Config.NVFP4_DEFAULT, List.of("hf", "compressed-tensors"));
    kinds.put(Config.NVFP4_SVDQUANT_DEFAULT, List.of("hf"));
    kinds.put(Config.W4A8_NVFP4_FP8, List.of("hf"));
    kinds.put(Config.MXFP4_DEFAULT, List.of("hf", "compressed-tensors"));
    kinds.put(Config.W4A8_MXFP4_FP8, List.of("hf"));
    try (HfModel model = Models.load(PocketModel.extract(directory.resolve("pocket")))) {
      windows =
          EvaluationWindows.ofText(
              PocketModel.evaluationText(), model.textEncoder().orElseThrow(), 0, 64, 12);
      List<QuantizedModel> quantized =
          ModelOpt.quantize(
              model, List.copyOf(kinds.keySet()), CalibrationData.of(windows.subList(2, 12)), JOB);
      windows = windows.subList(0, 2);
      for (QuantizedModel one : quantized) {
        export(one, kinds.get(one.config()));
      }
    }
  }

  private static void export(QuantizedModel quantized, List<String> kinds) {
    LinkedHashMap<Path, Target> targets = new LinkedHashMap<>();
    for (String kind : kinds) {
      String name = quantized.config().name() + "-" + kind;
      Target target = Targets.find(kind).orElseThrow();
      targets.put(directory.resolve(name), target);
      Decisions decided =
          target.plan(Subject.of(quantized, ExportOptions.DEFAULT_SHARD_BYTES)).decisions();
      DECIDED.put(name, Perplexity.measure(quantized.model(), decided, windows, JOB).value());
    }
    Export.run(quantized, targets, ExportOptions.defaults());
  }

  @ParameterizedTest
  @CsvSource({
    "INT4_AWQ-hf",
    "INT4_AWQ-compressed-tensors",
    "INT4_AWQ-autoawq",
    "INT4_AWQ-llm-awq",
    "INT4_AWQ-gptq",
    "INT8_WEIGHT_ONLY-hf",
    "INT8_WEIGHT_ONLY-compressed-tensors",
    "INT8_WEIGHT_ONLY-gptq",
    "INT8_SMOOTHQUANT-hf",
    "INT8_SMOOTHQUANT-compressed-tensors",
    "W4A8_AWQ_BETA-hf",
    "NVFP4_DEFAULT-hf",
    "NVFP4_DEFAULT-compressed-tensors",
    "NVFP4_SVDQUANT_DEFAULT-hf",
    "W4A8_NVFP4_FP8-hf",
    "MXFP4_DEFAULT-hf",
    "MXFP4_DEFAULT-compressed-tensors",
    "W4A8_MXFP4_FP8-hf"
  })
  void predictsAsDecided(String name) {
    double decided = DECIDED.get(name);
    try (HfModel model = Models.load(directory.resolve(name))) {
      assertEquals(decided, Perplexity.measure(model, windows, JOB).value(), 1e-5 * decided);
    }
  }

  private static void export(QuantizedModel quantized, String kind, Path path) {
    LinkedHashMap<Path, Target> targets = new LinkedHashMap<>();
    targets.put(path, Targets.find(kind).orElseThrow());
    Export.run(quantized, targets, ExportOptions.defaults());
  }

  /** Weights of linears by name, as they are in memory. */
  private static Map<String, float[]> weights(HfModel model, DType dtype) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    try (Backend backend = Backends.open("cpu", BackendOptions.defaults());
        Arena arena = Arena.ofShared()) {
      Pass pass = Pass.plain(backend, Precision.FLOAT32);
      model
          .linears()
          .forEach(linear -> {
            Tensor weight = Weights.open(model, linear, pass, arena);
            weights.put(linear.name(), Weights.rounded(weight, dtype, pass, arena).toFloats());
          });
    }
    return weights;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, weight) -> assertArrayEquals(weight, actual.get(name), name));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INT8_WEIGHT_ONLY-hf",
        "INT8_WEIGHT_ONLY-gptq",
        "INT8_WEIGHT_ONLY-compressed-tensors",
        "NVFP4_DEFAULT-hf",
        "NVFP4_DEFAULT-compressed-tensors",
        "MXFP4_DEFAULT-compressed-tensors"
      })
  void codesBecomeAPlainCheckpoint(String name) {
    Path plain = directory.resolve(name + "-plain");
    try (HfModel stored = Models.load(directory.resolve(name))) {
      export(QuantizedModel.unchanged(stored), "plain", plain);
      try (HfModel read = Models.load(plain)) {
        assertSame(weights(stored, DType.BF16), weights(read, DType.BF16));
      }
    }
  }

  @Test
  void weightsInMxfp4BecomeNvfp4WithoutChange() {
    Path widened = directory.resolve("widened");
    try (HfModel stored = Models.load(directory.resolve("MXFP4_DEFAULT-compressed-tensors"))) {
      export(ModelOpt.quantize(stored, Config.W4A16_NVFP4), "compressed-tensors", widened);
      try (HfModel read = Models.load(widened);
          Arena arena = Arena.ofShared()) {
        long widenedCount =
            read.linears()
                .flatMap(linear -> read.storedCodes(linear, arena).stream())
                .filter(codes -> codes.spec().scaleFormat() == QuantSpec.NVFP4.scaleFormat())
                .count();
        assertEquals(28, widenedCount);
        assertSame(weights(stored, DType.F32), weights(read, DType.F32));
      }
    }
  }

  @Test
  void whatIsBesideTheCodesCannotBeConverted() {
    try (HfModel model = Models.load(directory.resolve("NVFP4_SVDQUANT_DEFAULT-hf"))) {
      ConfigException e =
          assertThrows(ConfigException.class, () -> QuantizedModel.unchanged(model));
      assertTrue(e.getMessage().contains("start from the unquantized"), e.getMessage());
      assertThrows(ConfigException.class, () -> ModelOpt.quantize(model, Config.INT8_WEIGHT_ONLY));
    }
  }
}
