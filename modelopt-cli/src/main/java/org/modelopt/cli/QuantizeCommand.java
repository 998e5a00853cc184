package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.export.Exports;
import org.modelopt.export.hf.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Calibrates, quantizes, exports, verifies. */
@Command(
    name = "quantize",
    description = "Quantizes a HuggingFace checkpoint and exports it, checked.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt quantize --model Llama-3.2-1B --config FP8_DEFAULT --calib chat.jsonl \\",
      "      --export hf --out Llama-3.2-1B-FP8",
      "  modelopt quantize --model Llama-3.2-1B --config FP8_DEFAULT --kv-cache fp8 \\",
      "      --calib chat.jsonl --samples 1024 --max-length 2048 --export hf --out out"
    })
final class QuantizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "HuggingFace checkpoint directory.")
  private Path model;

  @Option(
      names = "--config",
      paramLabel = "NAME",
      defaultValue = "FP8_DEFAULT",
      description = "What to quantize to. Default: ${DEFAULT-VALUE}.")
  private String config;

  @Option(
      names = "--calib",
      paramLabel = "FILE",
      description =
          "Calibration data: JSONL with \"text\" or \"messages\", plain text, or safetensors with"
              + " input_ids. Default: text that comes with this program.")
  private @Nullable Path calibration;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Samples to use. Default: 512; all rows of a safetensors file.")
  private @Nullable Integer samples;

  @Option(
      names = "--max-length",
      paramLabel = "L",
      description =
          "Tokens per sample at most. Default: 512; rows of a safetensors file stay whole.")
  private @Nullable Integer maxLength;

  @Option(
      names = "--kv-cache",
      paramLabel = "fp8|none",
      defaultValue = "none",
      description = "Format of the KV cache. Default: ${DEFAULT-VALUE}.")
  private String kvCache;

  @Option(
      names = "--exclude",
      paramLabel = "PATTERN",
      description = "Modules to leave as they are, for example \"*down_proj\"; repeatable.")
  private List<String> excluded = new ArrayList<>();

  @Option(
      names = "--reference-rounding",
      description =
          "Round weights as the Python reference does on a GPU, to get its bytes; some codes are"
              + " then one step from the nearest.")
  private boolean referenceRounding;

  @Option(
      names = "--export",
      paramLabel = "hf",
      defaultValue = "hf",
      description = "Kind of checkpoint to write. Default: ${DEFAULT-VALUE}.")
  private String export;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Where to; must not exist yet or be empty.")
  private Path out;

  @Option(
      names = "--shard-size",
      paramLabel = "MB",
      description = "Size at which a new shard begins, in 10^6 bytes. Default: 10000.")
  private @Nullable Long shardMegabytes;

  @Mixin private GuardArguments guard = new GuardArguments();

  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    if (!export.equals("hf")) {
      throw new ConfigException("--export is hf, not \"" + export + "\"");
    }
    JobOptions options = job.options(terminal.progress(), Optional.empty());
    try (HfModel opened = Models.load(model)) {
      QuantizedModel quantized = ModelOpt.quantize(opened, configuration(), data(opened), options);
      terminal.line(quantized.summary().stripTrailing());
      guard.check(opened, quantized, options, terminal);
      var exporting = Exports.huggingFace(quantized).with(options);
      if (shardMegabytes != null) {
        exporting = exporting.withShardBytes(shardMegabytes * 1_000_000);
      }
      ExportResult result = exporting.to(out);
      terminal.line("%-12s%s".formatted("size", Sizes.bytes(result.tensorBytes())));
      terminal.line("%-12s%s".formatted("verified", result.report().summary()));
      terminal.line("%-12s%s".formatted("written to", result.path()));
    }
    return 0;
  }

  private Config configuration() {
    Config result = Config.preset(config.toUpperCase(Locale.ROOT));
    result =
        switch (kvCache.toLowerCase(Locale.ROOT)) {
          case "none" -> result;
          case "fp8" -> result.withKvCache(QuantSpec.FP8);
          default ->
              throw new ConfigException("--kv-cache is fp8 or none, not \"" + kvCache + "\"");
        };
    for (String pattern : excluded) {
      result = result.withoutModules(pattern);
    }
    return referenceRounding
        ? result.withWeightConversion(Conversion.DEFAULT.withArithmetic(Arithmetic.TORCH_CUDA))
        : result;
  }

  private CalibrationData data(HfModel opened) {
    if (calibration == null) {
      return opened.bundledCalibrationData().orElseThrow();
    }
    CalibrationData data = CalibrationData.file(calibration);
    if (samples != null) {
      data = data.samples(samples);
    }
    return maxLength == null ? data : data.maxLength(maxLength);
  }
}
