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
    GgufType to = GgufType.ofName(type);
    if (matrix != null && text != null) {
      throw new ConfigException("--imatrix and --imatrix-calib exclude each other");
    }
    Path directory = model.directory();
    GgufResult result;
    if (text == null && !isQuantized(directory)) {
      // Straight from the files: architectures that this program cannot run are converted, too.
      result =
          finish(Exports.gguf(directory), to, importance(Optional.empty(), options), out, options);
    } else {
      try (HfModel opened = model.open()) {
        result =
            finish(
                Exports.gguf(QuantizedModel.unchanged(opened)),
                to,
                importance(Optional.of(opened), options),
                out,
                options);
      }
    }
    terminal.line("%-12s%s".formatted("format", "GGUF " + to));
    terminal.line("%-12s%s".formatted("size", Sizes.bytes(result.fileBytes())));
    terminal.line("%-12s%s".formatted("verified", result.report().summary()));
    terminal.line("%-12s%s".formatted("written to", result.path()));
    return 0;
  }

  private static boolean isQuantized(Path directory) {
    return HfConfig.read(directory.resolve("config.json")).has("quantization_config");
  }

  private Optional<ImportanceMatrix> importance(Optional<HfModel> model, JobOptions options) {
    if (matrix != null) {
      return Optional.of(ImportanceMatrix.read(matrix));
    }
    if (text == null) {
      return Optional.empty();
    }
    CalibrationData data = CalibrationData.file(text);
    return model.map(opened -> Importance.of(opened, data, options));
  }

  private static GgufResult finish(
      GgufExport export,
      GgufType to,
      Optional<ImportanceMatrix> importance,
      Path out,
      JobOptions options) {
    GgufExport ready = export.type(to).with(options);
    return importance.map(ready::importance).orElse(ready).to(out);
  }
}
