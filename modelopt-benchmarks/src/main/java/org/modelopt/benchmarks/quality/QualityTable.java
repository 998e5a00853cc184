package org.modelopt.benchmarks.quality;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.config.Recipes;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.SampleSet;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.quantize.Calibration;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Tensor;

/**
 * Prints a line for each preset or recipe: perplexity, KL divergence over all tokens and over the
 * first 32 positions of the first window, seconds that calibration and deciding took.
 *
 * <p>Arguments: directory of a model, safetensors file with {@code input_ids} to calibrate on,
 * another to evaluate on, then names of presets or files of recipes. In the model's own precision.
 */
public final class QualityTable {
  private QualityTable() {}

  /** Runs the measurement. */
  public static void main(String[] args) {
    PrintStream out = System.out;
    JobOptions options = JobOptions.defaults();
    List<Tensor> windows = EvaluationWindows.ofRows(Path.of(args[2]));
    SampleSet samples =
        CalibrationData.tokenRows(Path.of(args[1]))
            .samples(Integer.MAX_VALUE)
            .read(Optional.empty());
    try (HfModel model = Models.load(Path.of(args[0]));
        Backend backend = options.openBackend()) {
      Pass plain = Pass.plain(backend, options.precisionFor(model));
      Predictions reference = Predictions.of(model, windows, plain, options);
      print(out, "none", reference.compare(model, windows, plain, options), 0);
      for (String name : List.of(args).subList(3, args.length)) {
        Config config =
            Files.exists(Path.of(name)) ? Recipes.read(Path.of(name)) : Config.preset(name);
        long start = System.nanoTime();
        QuantizedModel quantized =
            new Calibration(model, config, options).run(Optional.of(samples), backend).getFirst();
        double seconds = (System.nanoTime() - start) * 1e-9;
        Pass simulating = plain.simulating(quantized.decisions());
        print(out, config.name(), reference.compare(model, windows, simulating, options), seconds);
      }
    }
  }

  private static void print(
      PrintStream out, String name, Predictions.Comparison comparison, double seconds) {
    out.printf(
        Locale.ROOT,
        "| %s | %.3f | %.4f | %.4f | %.1f |%n",
        name,
        comparison.perplexity(),
        comparison.divergence(),
        comparison.firstDivergence(),
        seconds);
  }
}
