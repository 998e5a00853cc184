package org.modelopt.benchmarks.formats;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.modelopt.benchmarks.Usage;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Prints, for each format and operation, bytes read and written per second and the share of what a
 * copy reaches that ran in the same minute; medians over rounds.
 *
 * <p>Arguments: number of rounds, then names of formats (default: all).
 */
public final class FormatTable {
  static final List<String> OPERATIONS = List.of("copy", "amax", "quantize", "dequantize");

  private FormatTable() {}

  /** Runs the benchmark. */
  public static void main(String[] args) throws RunnerException {
    Usage.check(args, "[ROUNDS] [FORMAT...]");
    int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 3;
    List<String> formats = args.length > 1 ? List.of(args).subList(1, args.length) : Named.MEASURED;
    PrintStream out = System.out;
    out.println(
        "| format | copy GB/s | amax GB/s | share | quantize GB/s | share "
            + "| dequantize GB/s | share |");
    out.println("|---|---|---|---|---|---|---|---|");
    for (String format : formats) {
      Map<String, List<Double>> rates = new TreeMap<>();
      Map<String, List<Double>> shares = new TreeMap<>();
      for (int round = 0; round < rounds; round++) {
        Map<String, Double> millis = run(format);
        double copy = rate(format, "copy", millis);
        for (String operation : OPERATIONS) {
          double rate = rate(format, operation, millis);
          rates.computeIfAbsent(operation, _ -> new ArrayList<>()).add(rate);
          shares.computeIfAbsent(operation, _ -> new ArrayList<>()).add(rate / copy);
        }
      }
      StringBuilder row = new StringBuilder("| ").append(format);
      for (String operation : OPERATIONS) {
        row.append(
            String.format(
                Locale.ROOT, " | %.1f", median(rates.getOrDefault(operation, List.of(0.0)))));
        if (!operation.equals("copy")) {
          row.append(
              String.format(
                  Locale.ROOT, " | %.2f", median(shares.getOrDefault(operation, List.of(0.0)))));
        }
      }
      out.println(row.append(" |"));
    }
  }

  private static Map<String, Double> run(String format) throws RunnerException {
    Collection<RunResult> results =
        new Runner(
                new OptionsBuilder()
                    .include(FormatBenchmark.class.getName() + "\\.")
                    .param("format", format)
                    .verbosity(VerboseMode.SILENT)
                    .build())
            .run();
    Map<String, Double> millis = new TreeMap<>();
    for (RunResult result : results) {
      millis.put(
          result.getPrimaryResult().getLabel(),
          result.getPrimaryResult().getStatistics().getPercentile(50));
    }
    return millis;
  }

  /** Gigabytes read and written per second. */
  static double rate(String format, String operation, Map<String, Double> millis) {
    QuantSpec spec = Named.spec(format);
    long wide = DType.BF16.byteSize(FormatBenchmark.SHAPE.elements());
    long narrow = Named.bytes(spec, FormatBenchmark.SHAPE);
    long maxima = 4 * spec.granularity().scaleShape(FormatBenchmark.SHAPE).elements();
    long bytes =
        switch (operation) {
          case "copy" -> 2 * wide;
          case "amax" -> wide + maxima;
          default -> wide + narrow;
        };
    return bytes / millis.getOrDefault(operation, Double.NaN) / 1e6;
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    return sorted.get(sorted.size() / 2);
  }
}
