package org.modelopt.examples.quickstart;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.Exports;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.QuantizationReport;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.report.Report;
import org.modelopt.report.ReportFiles;

/** The job, and the page that shows what it did to each layer. */
public final class WithReport {
  private WithReport() {}

  /** Quantizes {@code args[0]}, calibrated on {@code args[1]}, into {@code args[2]}. */
  public static void main(String[] args) {
    run(Path.of(args[0]), CalibrationData.jsonl(Path.of(args[1])), Path.of(args[2]));
  }

  static void run(Path checkpoint, CalibrationData data, Path directory) {
    try (HfModel model = Models.load(checkpoint)) {
      QuantizedModel quantized = ModelOpt.quantize(model, Config.NVFP4_DEFAULT, data);
      Exports.huggingFace(quantized).to(directory.resolve("checkpoint"));
      try (Backend backend = JobOptions.defaults().openBackend()) {
        Pass pass = Pass.plain(backend, quantized.precision());
        Report report =
            QuantizationReport.of(quantized, pass, Optional.empty(), List.of(), Map.of());
        ReportFiles.write(report, directory.resolve("report"));
      }
    }
  }
}
