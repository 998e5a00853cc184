package org.modelopt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.quantize.QuantizationReport;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.report.Report;
import org.modelopt.report.ReportFiles;

/** Times the phases of a job and writes its report beside what it exported. */
final class JobReport {
  private static final double NANOS_PER_SECOND = 1e9;
  private static final Path STATUS = Path.of("/proc/self/status");

  private final String command;
  private final List<Report.Phase> phases = new ArrayList<>();
  private final Map<String, List<Report.Evaluation>> evaluations = new HashMap<>();
  private long started = System.nanoTime();

  JobReport(List<String> arguments) {
    this.command = "modelopt " + String.join(" ", arguments);
  }

  /** Ends the phase that began with the last call, or with this object. */
  void ended(String phase) {
    long now = System.nanoTime();
    phases.add(new Report.Phase(phase, (now - started) / NANOS_PER_SECOND, peakBytes()));
    started = now;
  }

  /** Takes what was measured of a model before and after. */
  void measured(QuantizedModel quantized, List<Report.Evaluation> figures) {
    evaluations.put(quantized.config().name(), figures);
  }

  /**
   * Writes {@code report.json} and {@code report.html}.
   *
   * @param bytes size of the export's tensors
   * @return the directory: that of the export with {@code .report} behind it
   */
  Path write(QuantizedModel quantized, long bytes, Path export, JobOptions options) {
    Path directory = Path.of(export + ".report");
    try (Backend backend = options.openBackend()) {
      Pass pass = Pass.plain(backend, quantized.precision());
      Report report =
          QuantizationReport.of(
              quantized, pass, Optional.of(bytes), phases, provenance(quantized, backend));
      ReportFiles.write(
          report.withEvaluations(evaluations.getOrDefault(quantized.config().name(), List.of())),
          directory);
    }
    return directory;
  }

  private Map<String, String> provenance(QuantizedModel quantized, Backend backend) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("command", command);
    all.put("version", ModelOpt.version());
    quantized
        .samples()
        .ifPresent(set ->
            all.put(
                "calibration",
                "%,d samples, %,d tokens of %s; %s asked for, %,d read, %,d too short"
                    .formatted(
                        set.samples().size(),
                        set.tokens(),
                        set.source(),
                        set.asked() >= Integer.MAX_VALUE ? "all" : "%,d".formatted(set.asked()),
                        set.read(),
                        set.skipped())));
    all.put("precision", quantized.precision().toString());
    all.put("backend", backend.description());
    all.put("java", Runtime.version().toString());
    return all;
  }

  /** Largest resident memory of this process so far, where the system tells. */
  private static Optional<Long> peakBytes() {
    if (!Files.isReadable(STATUS)) {
      return Optional.empty();
    }
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .map(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
