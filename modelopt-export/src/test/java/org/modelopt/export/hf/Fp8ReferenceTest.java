package org.modelopt.export.hf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ExportException;
import org.modelopt.export.Exports;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Tensor;

/** The main job on the pocket model, held against what the reference made of the same rows. */
class Fp8ReferenceTest {
  /** Two bf16 steps of a maximum: both calibrate in bf16 but sum in different orders. */
  private static final float ACTIVATION_TOLERANCE = 0x1p-6f;

  private static final JobOptions BFLOAT16 =
      JobOptions.defaults().withPrecision(Precision.BFLOAT16);

  private static final JobOptions FLOAT32 = JobOptions.defaults().withPrecision(Precision.FLOAT32);

  @TempDir private Path directory;

  @Test
  void everyAmaxIsThatOfTheReferenceAndTheExportReadsBackAsItWasMeasured() throws IOException {
    Path original = PocketModel.extract(directory.resolve("pocket-llama"));
    Path exported = directory.resolve("fp8");
    List<Tensor> windows =
        EvaluationWindows.ofRows(resource("evaluation-ids.safetensors")).subList(0, 4);
    double simulated;
    try (HfModel model = Models.load(original)) {
      CalibrationData data = CalibrationData.tokenRows(resource("calibration-ids.safetensors"));
      QuantizedModel quantized = ModelOpt.quantize(model, Config.FP8_DEFAULT, data, BFLOAT16);
      Decisions decisions = quantized.decisions();
      assertEquals(28, decisions.weights().size());
      assertEquals(28, decisions.inputs().size());
      Map<String, Float> weights = new LinkedHashMap<>();
      decisions
          .weights()
          .forEach((name, weight) -> weights.put(name, scale(weight.quantization().orElseThrow())));
      compare(weights, ".weight_quantizer._amax", 0);
      Map<String, Float> inputs = new LinkedHashMap<>();
      decisions
          .inputs()
          .forEach((name, input) ->
              inputs.put(name, input.quantization().orElseThrow().scales().values().getFloat(0)));
      compare(inputs, ".input_quantizer._amax", ACTIVATION_TOLERANCE);
      simulated = Perplexity.measure(model, quantized.decisions(), windows, FLOAT32).value();
      Exports.huggingFace(quantized).with(FLOAT32).to(exported);
      byte[] bytes = Files.readAllBytes(exported.resolve("model.safetensors"));
      JobOptions oneThread = BFLOAT16.withThreads(1);
      Path again = directory.resolve("again");
      QuantizedModel repeated = ModelOpt.quantize(model, Config.FP8_DEFAULT, data, oneThread);
      Exports.huggingFace(repeated).with(oneThread).to(again);
      assertTrue(
          Arrays.equals(bytes, Files.readAllBytes(again.resolve("model.safetensors"))),
          "one thread and several must write the same bytes");
      assertThrows(ExportException.class, () -> Exports.huggingFace(quantized).to(exported));
    }
    try (HfModel model = Models.load(exported)) {
      assertEquals(simulated, Perplexity.measure(model, windows, FLOAT32).value(), 1e-9);
    }
  }

  private static float scale(WeightQuantization weight) {
    try (Arena arena = Arena.ofConfined()) {
      return ((Codes.GivenScales) weight.codes()).scales().open(arena).values().getFloat(0);
    }
  }

  private void compare(Map<String, Float> scales, String suffix, float tolerance)
      throws IOException {
    SafetensorsFile reference = SafetensorsFile.open(resource("fp8-quantizers.safetensors"));
    try (Arena arena = Arena.ofConfined()) {
      scales.forEach((module, found) -> {
        float expected = reference.open(module + suffix, arena).getFloat(0) / 448f;
        assertEquals(
            expected, found, Math.max(expected * tolerance, Float.MIN_VALUE), module + suffix);
      });
    }
  }

  private Path resource(String name) throws IOException {
    Path file = directory.resolve(name);
    try (InputStream in = Fp8ReferenceTest.class.getResourceAsStream("reference/" + name)) {
      Files.write(file, Objects.requireNonNull(in, name).readAllBytes());
    }
    return file;
  }
}
