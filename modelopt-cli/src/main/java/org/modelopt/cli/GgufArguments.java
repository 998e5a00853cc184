package org.modelopt.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.export.Exports;
import org.modelopt.export.gguf.GgufExport;
import org.modelopt.export.gguf.GgufResult;
import org.modelopt.export.gguf.GgufType;
import org.modelopt.export.gguf.importance.Importance;
import org.modelopt.export.gguf.importance.ImportanceMatrix;
import org.modelopt.export.write.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.quantize.QuantizedModel;
import picocli.CommandLine.Option;

/** What a GGUF file is quantized to. */
final class GgufArguments {
  @Option(
      names = "--gguf-type",
      paramLabel = "TYPE",
      defaultValue = "Q8_0",
      description =
          "Of a GGUF file: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K_S/M/L,"
              + " Q4_K_S/M, Q5_K_S/M, Q6_K, MXFP4, MXFP4_MOE, NVFP4. Default: ${DEFAULT-VALUE}.")
  private String type;

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description = "Of a GGUF file: importance matrix, as llama-imatrix makes it.")
  private @Nullable Path matrix;

  @Option(
      names = "--imatrix-calib",
      paramLabel = "FILE",
      description = "Of a GGUF file: text to make an importance matrix from.")
  private @Nullable Path text;

  /** Converts {@code model} to one file. */
  int convert(ModelArgument model, Path out, JobOptions options, Terminal terminal) {
    GgufType to = type();
    Path directory = model.directory();
    ExportResult result;
    if (text == null && !isQuantized(directory)) {
      // Straight from the files: architectures that this program cannot run are converted, too.
      Optional<ImportanceMatrix> importance =
          matrix == null ? Optional.empty() : Optional.of(ImportanceMatrix.read(matrix));
      result = finish(Exports.gguf(directory), to, importance, out, options);
    } else {
      try (HfModel opened = model.open()) {
        result = write(QuantizedModel.unchanged(opened), opened, Optional.empty(), out, options);
      }
    }
    JobOutput.print(terminal, result);
    return 0;
  }

  /**
   * Writes one file of what was decided.
   *
   * @param calibration what importance is measured on where no option names anything and the type
   *     uses it
   */
  ExportResult write(
      QuantizedModel quantized,
      HfModel model,
      Optional<CalibrationData> calibration,
      Path out,
      JobOptions options) {
    GgufType to = type();
    Optional<ImportanceMatrix> importance;
    if (matrix != null) {
      importance = Optional.of(ImportanceMatrix.read(matrix));
    } else {
      Optional<CalibrationData> data =
          text != null
              ? Optional.of(CalibrationData.file(text))
              : calibration.filter(given -> to.weightsErrors());
      importance = data.map(given -> Importance.of(model, given, options));
    }
    return finish(Exports.gguf(quantized), to, importance, out, options);
  }

  private GgufType type() {
    if (matrix != null && text != null) {
      throw new ConfigException("--imatrix and --imatrix-calib exclude each other");
    }
    return GgufType.ofName(type);
  }

  /** Refuses, before work begins, options that contradict each other. */
  void check() {
    type();
  }

  private static boolean isQuantized(Path directory) {
    return HfConfig.read(directory.resolve("config.json")).has("quantization_config");
  }

  private static ExportResult finish(
      GgufExport export,
      GgufType to,
      Optional<ImportanceMatrix> importance,
      Path out,
      JobOptions options) {
    GgufExport ready = export.type(to).with(options);
    GgufResult result = importance.map(ready::importance).orElse(ready).to(out);
    return new ExportResult(result.path(), "GGUF " + to, result.fileBytes(), result.report());
  }
}
