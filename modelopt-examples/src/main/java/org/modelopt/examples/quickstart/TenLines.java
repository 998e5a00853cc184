package org.modelopt.examples.quickstart;

import java.nio.file.Path;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/** The whole job: open, quantize, export. */
public final class TenLines {
  private TenLines() {}

  /**
   * Quantizes the checkpoint {@code args[0]}, calibrated on {@code args[1]}, to {@code args[2]}.
   */
  public static void main(String[] args) {
    run(Path.of(args[0]), Path.of(args[1]), Path.of(args[2]));
  }

  static void run(Path checkpoint, Path chats, Path out) {
    try (HfModel model = Models.load(checkpoint)) {
      QuantizedModel quantized =
          ModelOpt.quantize(model, Config.FP8_DEFAULT, CalibrationData.jsonl(chats));
      System.out.println(quantized.summary());
      Exports.huggingFace(quantized).to(out);
    }
  }
}
