package org.modelopt.benchmarks.formats;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.modelopt.benchmarks.Usage;

/**
 * A quick look at the shares of {@link FormatTable}, without JMH: copy and the operations take
 * turns in one process, and the best of each counts, so that other work on the machine disturbs all
 * of them alike. For use while working on the loops.
 *
 * <p>Arguments: number of turns, then names of formats (default: all).
 */
public final class FormatTurns {
  private FormatTurns() {}

  /** Prints one line per format: gigabytes per second of a copy, then shares of it. */
  public static void main(String[] args) {
    Usage.check(args, "[TURNS] [FORMAT...]");
    int turns = args.length > 0 ? Integer.parseInt(args[0]) : 7;
    List<String> formats = args.length > 1 ? List.of(args).subList(1, args.length) : Named.MEASURED;
    for (String format : formats) {
      FormatBenchmark benchmark = new FormatBenchmark();
      benchmark.format = format;
      benchmark.setUp();
      Map<String, Double> best = new TreeMap<>();
      for (int turn = 0; turn < turns; turn++) {
        for (String operation : FormatTable.OPERATIONS) {
          best.merge(operation, millis(benchmark, operation), Math::min);
        }
      }
      benchmark.tearDown();
      System.out.println(line(format, best));
    }
  }

  private static String line(String format, Map<String, Double> millis) {
    double copy = FormatTable.rate(format, "copy", millis);
    StringBuilder line =
        new StringBuilder(String.format(Locale.ROOT, "%-20s copy %5.1f GB/s", format, copy));
    for (String operation : FormatTable.OPERATIONS.subList(1, FormatTable.OPERATIONS.size())) {
      double share = FormatTable.rate(format, operation, millis) / copy;
      line.append(String.format(Locale.ROOT, "  %s %.2f", operation, share));
    }
    return line.toString();
  }

  private static double millis(FormatBenchmark benchmark, String operation) {
    long start = System.nanoTime();
    switch (operation) {
      case "copy" -> benchmark.copy();
      case "amax" -> benchmark.amax();
      case "quantize" -> benchmark.quantize();
      case "dequantize" -> benchmark.dequantize();
      default -> throw new IllegalArgumentException("no operation called " + operation);
    }
    return (System.nanoTime() - start) / 1e6;
  }
}
