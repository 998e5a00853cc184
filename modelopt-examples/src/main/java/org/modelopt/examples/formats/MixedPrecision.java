package org.modelopt.examples.formats;

import java.nio.file.Path;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.PlanSize;
import org.modelopt.config.Rule;
import org.modelopt.config.SpecNames;
import org.modelopt.config.Target;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizedModel;

/** Four bits for most linears, eight for those that bear it worst. */
public final class MixedPrecision {
  private MixedPrecision() {}

  /**
   * Quantizes the checkpoint {@code args[0]}, calibrated on {@code args[1]}, to {@code args[2]}.
   */
  public static void main(String[] args) {
    run(Path.of(args[0]), CalibrationData.jsonl(Path.of(args[1])), Path.of(args[2]));
  }

  static void run(Path checkpoint, CalibrationData data, Path out) {
    Config mixed =
        Config.NVFP4_DEFAULT
            .withName("nvfp4-down-fp8")
            .withRule(Rule.quantize("*down_proj", Target.WEIGHT, SpecNames.get("fp8")))
            .withRule(Rule.quantize("*down_proj", Target.INPUT, SpecNames.get("fp8")))
            .withoutModules("model.layers.0.*");
    try (HfModel model = Models.load(checkpoint)) {
      Plan plan = ModelOpt.plan(model, mixed);
      System.out.printf("%.2f bits per weight%n", PlanSize.of(model, plan).effectiveBits());
      QuantizedModel quantized = ModelOpt.quantize(model, mixed, data);
      Exports.huggingFace(quantized).to(out);
    }
  }
}
