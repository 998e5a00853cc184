package org.modelopt.benchmarks.exports;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.modelopt.benchmarks.Usage;
import org.modelopt.cli.Main;

/**
 * Times {@code modelopt convert}, each conversion in a process of its own and once more in the same
 * process, where the loops are compiled, against the time of copying the input and then writing as
 * many bytes as the output has; with the peak of resident memory as the kernel counts it (Linux).
 * Page cache warm: everything runs once before it counts, the best of the rounds is printed.
 *
 * <p>Arguments: checkpoint (of {@code RandomLlama}, 20 layers make 2 GB), directory to write to,
 * rounds, threads, and conversions by their titles, or none for all.
 */
public final class ConversionBenchmark {
  private static final int BUFFER = 1 << 20;
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s+(\\d+) kB");
  private static final Pattern RUN = Pattern.compile("(?m)^again (\\d+) peak (\\d+)$");

  /** What a process said. */
  private record Run(double seconds, double again, long peak) {}

  private final PrintStream out = System.out;
  private final Path checkpoint;
  private final Path directory;
  private final int rounds;
  private final String threads;

  private ConversionBenchmark(Path checkpoint, Path directory, int rounds, String threads) {
    this.checkpoint = checkpoint;
    this.directory = directory;
    this.rounds = rounds;
    this.threads = threads;
  }

  /** Prints the table, or, given a directory and "convert", runs that conversion twice. */
  public static void main(String[] args) throws IOException, InterruptedException {
    Usage.check(args, "MODEL DIRECTORY ROUNDS THREADS [TITLE...]");
    if (args[1].equals("convert")) {
      twice(Path.of(args[0]), Arrays.copyOfRange(args, 1, args.length));
      return;
    }
    new ConversionBenchmark(Path.of(args[0]), Path.of(args[1]), Integer.parseInt(args[2]), args[3])
        .run(List.of(args).subList(4, args.length));
  }

  /** Leaves the output of the first time, and says how long the second took, and the peak. */
  private static void twice(Path directory, String[] args) throws IOException {
    List<String> command = new ArrayList<>(List.of(args));
    command.addAll(List.of("--out", directory.resolve("converted").toString()));
    runOnce(command);
    System.out.println("first");
    Path second = directory.resolve("again");
    command.set(command.size() - 1, second.toString());
    long start = System.nanoTime();
    runOnce(command);
    long millis = (System.nanoTime() - start) / 1_000_000;
    delete(second);
    Matcher peak = PEAK.matcher(Files.readString(Path.of("/proc/self/status")));
    System.out.printf("again %d peak %s%n", millis, peak.find() ? peak.group(1) : "0");
  }

  private static void runOnce(List<String> command) throws IOException {
    int exit = Main.run(command.toArray(String[]::new));
    if (exit != 0) {
      throw new IOException(String.join(" ", command) + " failed with code " + exit);
    }
  }

  /** Options of each conversion by its title. */
  private static SequencedMap<String, List<String>> conversions() {
    SequencedMap<String, List<String>> all = new LinkedHashMap<>();
    for (String format : List.of("fp8", "int8", "int4", "nvfp4", "mxfp4", "mxfp8")) {
      all.put(format, List.of("--to", format));
    }
    for (String type : List.of("Q8_0", "Q4_0", "MXFP4", "NVFP4", "Q4_K_M")) {
      all.put("gguf " + type, List.of("--to", "gguf", "--gguf-type", type));
    }
    return all;
  }

  private void run(List<String> titles) throws IOException, InterruptedException {
    long input = bytes(checkpoint);
    out.printf(
        Locale.ROOT,
        "input %,d bytes, %s threads, best of %d after one%n%n"
            + "| conversion | bytes | copying | seconds | of copying | again | of copying "
            + "| peak MB |%n|---|---|---|---|---|---|---|---|%n",
        input,
        threads,
        rounds);
    for (var conversion : conversions().entrySet()) {
      if (!titles.isEmpty() && !titles.contains(conversion.getKey())) {
        continue;
      }
      Run best = new Run(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY, 0);
      double copying = Double.POSITIVE_INFINITY;
      long written = 0;
      for (int round = 0; round <= rounds; round++) {
        Path target = directory.resolve("converted");
        Run run = convert(conversion.getValue(), target);
        written = bytes(target);
        delete(target);
        double copied = copy(written);
        if (round > 0) {
          best =
              new Run(
                  Math.min(best.seconds, run.seconds),
                  Math.min(best.again, run.again),
                  Math.max(best.peak, run.peak));
          copying = Math.min(copying, copied);
        }
      }
      out.printf(
          Locale.ROOT,
          "| %s | %,d | %.2f | %.2f | %.2f | %.2f | %.2f | %,d |%n",
          conversion.getKey(),
          written,
          copying,
          best.seconds,
          best.seconds / copying,
          best.again,
          best.again / copying,
          best.peak >> 10);
    }
  }

  private Run convert(List<String> options, Path target) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(
        List.of(
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Xmx512m",
            "-cp",
            System.getProperty("java.class.path"),
            ConversionBenchmark.class.getName(),
            directory.toString(),
            "convert",
            "--model",
            checkpoint.toString(),
            "--threads",
            threads));
    command.addAll(options);
    long start = System.nanoTime();
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    double seconds = Double.NaN;
    StringBuilder output = new StringBuilder();
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.equals("first")) {
          seconds = (System.nanoTime() - start) / 1e9;
        }
        output.append(line).append('\n');
      }
    }
    int exit = process.waitFor();
    Matcher run = RUN.matcher(output);
    if (exit != 0 || !run.find() || !Files.exists(target)) {
      throw new IOException(String.join(" ", command) + " failed: " + output);
    }
    return new Run(seconds, Long.parseLong(run.group(1)) / 1e3, Long.parseLong(run.group(2)));
  }

  /** Seconds to copy the input and then write as many bytes as the output has. */
  private double copy(long output) throws IOException {
    Path target = directory.resolve("copied");
    byte[] buffer = new byte[BUFFER];
    long start = System.nanoTime();
    try (OutputStream to = Files.newOutputStream(target)) {
      for (Path file : files(checkpoint)) {
        try (InputStream from = Files.newInputStream(file)) {
          for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
            to.write(buffer, 0, read);
          }
        }
      }
    }
    try (OutputStream to = Files.newOutputStream(directory.resolve("written"))) {
      for (long done = 0; done < output; done += BUFFER) {
        to.write(buffer, 0, (int) Math.min(BUFFER, output - done));
      }
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    Files.delete(target);
    Files.delete(directory.resolve("written"));
    return seconds;
  }

  private static List<Path> files(Path path) throws IOException {
    try (Stream<Path> all = Files.walk(path)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static long bytes(Path path) throws IOException {
    long bytes = 0;
    for (Path file : files(path)) {
      bytes += Files.size(file);
    }
    return bytes;
  }

  private static void delete(Path path) throws IOException {
    try (Stream<Path> all = Files.walk(path)) {
      for (Path one : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(one);
      }
    }
  }
}
