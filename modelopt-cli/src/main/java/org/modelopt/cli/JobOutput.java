package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.export.write.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.report.ReportFiles;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a job has written, for people and for scripts.
 *
 * @param model directory of the original
 * @param quantized one for each config
 * @param results for each of them one for each kind of checkpoint
 * @param limits that were kept
 */
record JobOutput(
    Path model, List<QuantizedModel> quantized, List<ExportResult> results, List<String> limits) {
  private int kinds() {
    return results.size() / quantized.size();
  }

  /** Writes a report for each config, beside its first export; gives their directories. */
  List<Path> writeReports(JobReport report, JobOptions options) {
    List<Path> written = new ArrayList<>();
    for (int i = 0; i < quantized.size(); i++) {
      ExportResult first = results.get(i * kinds());
      Path directory = report.write(quantized.get(i), first.tensorBytes(), first.path(), options);
      rollout(first).write(directory);
      written.add(directory);
    }
    return written;
  }

  private Rollout rollout(ExportResult export) {
    return Rollout.of(model, export, limits);
  }

  void print(Terminal terminal, List<Path> reports) {
    for (int i = 0; i < results.size(); i++) {
      if (i % kinds() == 0) {
        int config = i / kinds();
        terminal.line(quantized.get(config).summary().stripTrailing());
        terminal.entry("report", reports.get(config).resolve(ReportFiles.HTML));
        terminal.line("rollout");
        rollout(results.get(i)).lines().forEach(terminal::line);
      }
      print(terminal, results.get(i));
    }
  }

  static void print(Terminal terminal, ExportResult result) {
    terminal.entry("format", result.format());
    terminal.entry("size", Sizes.bytes(result.tensorBytes()));
    terminal.entry("verified", result.report().summary());
    terminal.entry("written to", result.path());
  }

  ObjectNode asJson() {
    ObjectNode node = Json.object();
    node.put("model", model.toString());
    quantized
        .getFirst()
        .samples()
        .ifPresent(set ->
            node.putObject("calibration")
                .put("source", set.source())
                .put("asked", set.asked())
                .put("read", set.read())
                .put("too_short", set.skipped())
                .put("samples", set.samples().size())
                .put("tokens", set.tokens()));
    ArrayNode outputs = node.putArray("outputs");
    for (int i = 0; i < results.size(); i++) {
      ExportResult result = results.get(i);
      outputs
          .addObject()
          .put("config", quantized.get(i / kinds()).config().name())
          .put("format", result.format())
          .put("path", result.path().toString())
          .put("bytes", result.tensorBytes())
          .put("verified", result.report().passed())
          .put("report", result.report().summary());
    }
    return node;
  }
}
