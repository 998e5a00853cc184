package org.modelopt.benchmarks.exports;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import org.modelopt.ModelOpt;
import org.modelopt.benchmarks.Usage;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Decisions;
import org.modelopt.error.ModelOptException;
import org.modelopt.export.DataFreeFormat;
import org.modelopt.export.Targets;
import org.modelopt.export.write.Export;
import org.modelopt.export.write.ExportOptions;
import org.modelopt.export.write.ExportResult;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Tensor;

/**
 * Exports a checkpoint as every kind in every format, and prints for each what the check before
 * publishing found, and how far the perplexity of the export, read back, is from that of what was
 * decided.
 *
 * <p>Arguments: checkpoint, text to evaluate on, calibration data (JSONL), output directory, number
 * of windows of 256 tokens, and optionally a command that is run with each export and {@code
 * --original} CHECKPOINT behind it, whose last line of output is printed, too.
 */
public final class ExportMatrix {
  private static final JobOptions JOB = JobOptions.defaults().withPrecision(Precision.FLOAT32);
  private static final int WINDOW = 256;
  private static final int SAMPLES = 32;

  private final PrintStream out = System.out;
  private final Path checkpoint;
  private final Path directory;
  private final List<Tensor> windows;
  private final List<String> check;

  private ExportMatrix(Path checkpoint, Path directory, List<Tensor> windows, List<String> check) {
    this.checkpoint = checkpoint;
    this.directory = directory;
    this.windows = windows;
    this.check = check;
  }

  /** Prints the table. */
  public static void main(String[] args) throws IOException {
    Usage.check(args, "MODEL TEXT CALIBRATION DIRECTORY WINDOWS [CHECKER...]");
    Path checkpoint = Path.of(args[0]);
    try (HfModel model = Models.load(checkpoint)) {
      List<Tensor> windows =
          EvaluationWindows.ofText(
              Files.readString(Path.of(args[1])),
              model.textEncoder().orElseThrow(),
              0,
              WINDOW,
              Integer.parseInt(args[4]));
      List<String> check = Arrays.asList(args).subList(5, args.length);
      new ExportMatrix(checkpoint, Path.of(args[3]), windows, check)
          .run(model, CalibrationData.jsonl(Path.of(args[2])).samples(SAMPLES));
    }
  }

  private void run(HfModel model, CalibrationData data) throws IOException {
    out.println(
        "| format | kind | in it | findings | decided | read back | difference | checker |\n"
            + "|---|---|---|---|---|---|---|---|");
    List<Config> configs = new ArrayList<>(Config.presets());
    DataFreeFormat.all().stream()
        .flatMap(format -> format.config().stream())
        .filter(config -> configs.stream().noneMatch(c -> c.name().equals(config.name())))
        .forEach(configs::add);
    exportAs("plain", QuantizedModel.unchanged(model), "unchanged");
    exportAs("trtllm", QuantizedModel.unchanged(model), "unchanged");
    for (Config config : configs) {
      QuantizedModel quantized;
      try {
        quantized = ModelOpt.quantize(model, config, data, JOB);
      } catch (ModelOptException e) {
        out.printf("| %s | | not quantized: %s | | | | | |%n", config.name(), brief(e));
        continue;
      }
      for (String kind : Targets.ids()) {
        if (!kind.equals("plain")) {
          exportAs(kind, quantized, config.name());
        }
      }
    }
  }

  private void exportAs(String kind, QuantizedModel quantized, String name) throws IOException {
    Path path = directory.resolve(name + "-" + kind);
    Target target = Targets.find(kind).orElseThrow();
    SequencedMap<Path, Target> one = new LinkedHashMap<>();
    one.put(path, target);
    try {
      Decisions decided =
          target.plan(Subject.of(quantized, ExportOptions.DEFAULT_SHARD_BYTES)).decisions();
      ExportResult result =
          Export.run(quantized, one, ExportOptions.defaults().with(JOB)).getFirst();
      out.printf(
          "| %s | %s | %s | %d | %s | %s |%n",
          name,
          kind,
          result.format(),
          result.report().findings().size(),
          kind.equals("trtllm") ? "| |" : readBack(quantized, decided, path),
          checker(path));
    } catch (ModelOptException e) {
      out.printf("| %s | %s | refused: %s | | | | | |%n", name, kind, brief(e));
    }
  }

  private String readBack(QuantizedModel quantized, Decisions decided, Path path) {
    double before = Perplexity.measure(quantized.model(), decided, windows, JOB).value();
    try (HfModel model = Models.load(path)) {
      double after = Perplexity.measure(model, windows, JOB).value();
      return String.format(
          Locale.ROOT, "%.5f | %.5f | %.1e", before, after, Math.abs(after / before - 1));
    } catch (ModelOptException e) {
      return String.format(Locale.ROOT, "%.5f | %s | ", before, brief(e));
    }
  }

  private String checker(Path path) throws IOException {
    if (check.isEmpty()) {
      return "";
    }
    List<String> command = new ArrayList<>(check);
    command.addAll(List.of(path.toString(), "--original", checkpoint.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    return output.substring(output.lastIndexOf('\n') + 1);
  }

  private static String brief(ModelOptException e) {
    String text = String.valueOf(e.getMessage()).replace('\n', ' ').replace('|', '/');
    return text.length() > 200 ? text.substring(0, 200) + " ..." : text;
  }
}
