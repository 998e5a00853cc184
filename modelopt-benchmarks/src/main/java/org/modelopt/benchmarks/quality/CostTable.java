package org.modelopt.benchmarks.quality;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.ModelOpt;
import org.modelopt.benchmarks.Usage;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.SampleSet;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.Calibration;
import org.modelopt.quantize.Observation;

/**
 * Prints what calibration and deciding cost for each preset: seconds by the clock, seconds of
 * processor time, and both over those of FP8_DEFAULT, which only observes maxima; then the clock's
 * seconds of only observing what the preset needs, written to a file, and of deciding from that,
 * where a preset can be decided so.
 *
 * <p>Arguments: directory of a model, safetensors file with {@code input_ids} to calibrate on, a
 * new directory for statistics, then names of presets. One run of FP8_DEFAULT warms up and is not
 * counted.
 */
public final class CostTable {
  private CostTable() {}

  /** Runs the measurement. */
  public static void main(String[] args) {
    Usage.check(args, "MODEL CALIBRATION STATISTICS PRESET...");
    PrintStream out = System.out;
    Path statistics = Path.of(args[2]);
    JobOptions options = JobOptions.defaults();
    SampleSet samples =
        CalibrationData.tokenRows(Path.of(args[1]))
            .samples(Integer.MAX_VALUE)
            .read(Optional.empty());
    try (HfModel model = Models.load(Path.of(args[0]));
        Backend backend = options.openBackend()) {
      seconds(model, Config.FP8_DEFAULT, samples, options, backend);
      double[] base = seconds(model, Config.FP8_DEFAULT, samples, options, backend);
      print(out, Config.FP8_DEFAULT.name(), base, base);
      out.println(apart(model, Config.FP8_DEFAULT, samples, options, backend, statistics));
      for (String name : List.of(args).subList(3, args.length)) {
        Config config = Config.preset(name);
        print(out, name, seconds(model, config, samples, options, backend), base);
        out.println(apart(model, config, samples, options, backend, statistics));
      }
    }
  }

  /** By the clock, and of processor time. */
  private static double[] seconds(
      HfModel model, Config config, SampleSet samples, JobOptions options, Backend backend) {
    long start = System.nanoTime();
    long processor = processorNanos();
    new Calibration(model, config, options).run(Optional.of(samples), backend);
    return new double[] {(System.nanoTime() - start) * 1e-9, (processorNanos() - processor) * 1e-9};
  }

  /** The last two columns. */
  private static String apart(
      HfModel model,
      Config config,
      SampleSet samples,
      JobOptions options,
      Backend backend,
      Path directory) {
    Observation observation;
    try {
      observation = new Observation(model, List.of(config), options);
    } catch (ConfigException _) {
      return " | |"; // what a layer needs depends on decisions about those before it
    }
    Path seen = directory.resolve(config.name());
    long start = System.nanoTime();
    observation.run(samples, backend, seen);
    long observed = System.nanoTime();
    ModelOpt.quantize(model, List.of(config), List.of(seen), options);
    return String.format(
        Locale.ROOT,
        " %.1f | %.1f |",
        (observed - start) * 1e-9,
        (System.nanoTime() - observed) * 1e-9);
  }

  private static long processorNanos() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos();
  }

  private static void print(PrintStream out, String name, double[] seconds, double[] base) {
    out.printf(
        Locale.ROOT,
        "| %s | %.1f | %.1f | %.2f | %.2f |",
        name,
        seconds[0],
        seconds[1],
        seconds[0] / base[0],
        seconds[1] / base[1]);
  }
}
