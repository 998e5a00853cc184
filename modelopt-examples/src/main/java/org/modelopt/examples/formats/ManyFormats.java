package org.modelopt.examples.formats;

import java.nio.file.Path;
import java.util.List;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/** Several formats from one pass of the calibration data. */
public final class ManyFormats {
  private ManyFormats() {}

  /** Quantizes {@code args[0]}, calibrated on {@code args[1]}, into {@code args[2]}. */
  public static void main(String[] args) {
    run(Path.of(args[0]), CalibrationData.jsonl(Path.of(args[1])), Path.of(args[2]));
  }

  static void run(Path checkpoint, CalibrationData data, Path directory) {
    List<Config> configs = List.of(Config.FP8_DEFAULT, Config.INT8_SMOOTHQUANT, Config.INT4_AWQ);
    try (HfModel model = Models.load(checkpoint)) {
      for (QuantizedModel quantized : ModelOpt.quantize(model, configs, data)) {
        Exports.huggingFace(quantized).to(directory.resolve(quantized.config().name()));
      }
    }
  }
}
