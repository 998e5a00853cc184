package org.modelopt.examples.files;

import java.nio.file.Path;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/** One quantized model for several servers. */
public final class ManyTargets {
  private ManyTargets() {}

  /** Quantizes {@code args[0]}, calibrated on {@code args[1]}, into {@code args[2]}. */
  public static void main(String[] args) {
    run(Path.of(args[0]), CalibrationData.jsonl(Path.of(args[1])), Path.of(args[2]));
  }

  static void run(Path checkpoint, CalibrationData data, Path directory) {
    try (HfModel model = Models.load(checkpoint)) {
      QuantizedModel quantized =
          ModelOpt.quantize(model, Config.FP8_DEFAULT, data.samples(512).maxLength(2048));
      // For vLLM, SGLang and the PyTorch backend of TensorRT-LLM.
      Exports.huggingFace(quantized).to(directory.resolve("hf"));
      Exports.tensorRtLlm(quantized).tensorParallel(2).to(directory.resolve("trtllm"));
      // For llama.cpp.
      Exports.gguf(quantized).to(directory.resolve("model.gguf"));
    }
  }
}
