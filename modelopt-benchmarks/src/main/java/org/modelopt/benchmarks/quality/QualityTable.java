package org.modelopt.benchmarks.quality;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.benchmarks.Usage;
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
 * first 32 positions of the first window.
 *
 * <p>Arguments: directory of a model, safetensors file with {@code input_ids} to calibrate on,
 * another to evaluate on, then names of presets or files of recipes. In the model's own precision.
 * All that can share a calibration pass do; what the unquantized model predicts is kept in memory.
 */
public final class QualityTable {
  private QualityTable() {}

  /** Runs the measurement. */
  public static void main(String[] args) {
    Usage.check(args, "MODEL CALIBRATION EVALUATION CONFIG...");
    PrintStream out = System.out;
    JobOptions options = JobOptions.defaults();
    List<Tensor> windows = EvaluationWindows.ofRows(Path.of(args[2]));
    SampleSet samples =
        CalibrationData.tokenRows(Path.of(args[1]))
            .samples(Integer.MAX_VALUE)
            .read(Optional.empty());
    List<Config> configs =
        List.of(args).subList(3, args.length).stream().map(QualityTable::config).toList();
    try (HfModel model = Models.load(Path.of(args[0]));
        Backend backend = options.openBackend()) {
      Pass plain = Pass.plain(backend, options.precisionFor(model));
      Predictions reference = Predictions.of(model, windows, plain, options);
      print(out, "none", reference.comparison());
      List<QuantizedModel> quantized =
          new Calibration(model, configs, options).run(Optional.of(samples), backend);
      for (QuantizedModel each : quantized) {
        Pass simulating = plain.simulating(each.decisions());
        print(out, each.config().name(), reference.compare(model, simulating, options));
      }
    }
  }

  private static Config config(String name) {
    return Files.exists(Path.of(name)) ? Recipes.read(Path.of(name)) : Config.preset(name);
  }

  private static void print(PrintStream out, String name, Predictions.Comparison comparison) {
    out.printf(
        Locale.ROOT,
        "| %s | %.3f | %.4f | %.4f |%n",
        name,
        comparison.perplexity(),
        comparison.divergence(),
        comparison.firstDivergence());
  }
}
