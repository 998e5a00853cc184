package org.modelopt.examples.mlp;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Decisions;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Quantizes an MLP to INT8 and FP8 and says how far its outputs move. */
public final class MlpExample {
  private MlpExample() {}

  /** Runs the example. */
  public static void main(String[] args) {
    for (Config config : List.of(Config.INT8_DEFAULT, Config.FP8_DEFAULT)) {
      System.out.printf("%s: relative error %.4f%n", config.name(), relativeError(config));
    }
  }

  /** Root of the mean squared change of outputs, relative to that of the outputs. */
  static double relativeError(Config config) {
    Random random = new Random(1);
    List<Tensor> samples =
        IntStream.range(0, 32)
            .mapToObj(i -> {
              float[] features = new float[8 * 64];
              for (int j = 0; j < features.length; j++) {
                features[j] = (float) random.nextGaussian();
              }
              return Tensor.ofFloats(Arena.ofAuto(), Shape.of(8, 64), features);
            })
            .toList();
    try (Mlp model = new Mlp(3, 64, 128, 0)) {
      QuantizedModel quantized =
          ModelOpt.quantize(model, config, CalibrationData.of(samples), JobOptions.defaults());
      double[] plain = outputs(model, samples, Decisions.NONE);
      double[] simulated = outputs(model, samples, quantized.decisions());
      double error = 0;
      double size = 0;
      for (int i = 0; i < plain.length; i++) {
        error += (plain[i] - simulated[i]) * (plain[i] - simulated[i]);
        size += plain[i] * plain[i];
      }
      return Math.sqrt(error / size);
    }
  }

  private static double[] outputs(Mlp model, List<Tensor> samples, Decisions decisions) {
    JobOptions options = JobOptions.defaults();
    double[] all = new double[samples.size() * 8 * 64];
    try (Backend backend = options.openBackend()) {
      Pass pass = Pass.of(model, backend, options).simulating(decisions);
      Forward.run(
          "run",
          model,
          samples,
          pass,
          options,
          (sample, output) -> {
            float[] values = output.toFloats();
            for (int i = 0; i < values.length; i++) {
              all[sample * values.length + i] = values[i];
            }
          });
    }
    return all;
  }
}
