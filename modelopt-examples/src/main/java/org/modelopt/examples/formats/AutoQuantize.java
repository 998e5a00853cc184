package org.modelopt.examples.formats;

import java.nio.file.Path;
import java.util.List;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.mixed.Mix;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.AutoQuantized;

/** Six bits a weight: which linears get four, which eight, is measured. */
public final class AutoQuantize {
  private AutoQuantize() {}

  /**
   * Quantizes the checkpoint {@code args[0]}, calibrated on {@code args[1]}, to {@code args[2]}.
   */
  public static void main(String[] args) {
    run(Path.of(args[0]), CalibrationData.jsonl(Path.of(args[1])), Path.of(args[2]));
  }

  static void run(Path checkpoint, CalibrationData data, Path out) {
    try (HfModel model = Models.load(checkpoint)) {
      List<Config> candidates = List.of(Config.NVFP4_DEFAULT, Config.FP8_DEFAULT);
      AutoQuantized auto = ModelOpt.autoQuantize(model, candidates, 6.0, data);
      for (Mix.Choice choice : auto.mix().choices()) {
        System.out.println(choice.unit().name() + " " + choice.option().candidate());
      }
      // Other sizes follow from the same measurement.
      System.out.println(auto.sensitivities().solve(5.0).score());
      Exports.huggingFace(auto.model()).to(out);
    }
  }
}
