package org.modelopt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.error.ConfigException;
import org.modelopt.export.Exports;
import org.modelopt.export.write.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Perplexity;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The whole job on the embedded model. */
@Command(
    name = "demo",
    description = "Quantizes the embedded pocket model to FP8 and shows what that does to it.",
    mixinStandardHelpOptions = true,
    footer = {"", "Example:", "  modelopt demo --out demo"})
final class DemoCommand implements Callable<Integer> {
  private static final int SEQUENCE_LENGTH = 256;
  private static final int WINDOWS = 64;

  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where to; must not exist yet or be empty. Default: a new temporary directory.")
  private @Nullable Path out;

  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    Path directory = directory();
    Path original = PocketModel.extract(directory.resolve("pocket-llama"));
    Path exported = directory.resolve("pocket-llama-FP8");
    JobOptions options = job.options(terminal.progress(), Optional.of(Precision.FLOAT32));
    try (HfModel model = Models.load(original)) {
      List<Tensor> windows =
          EvaluationWindows.ofText(
              PocketModel.evaluationText(),
              model.textEncoder().orElseThrow(),
              model.beginOfText().orElseThrow(),
              SEQUENCE_LENGTH,
              WINDOWS);
      double before = Perplexity.measure(model, windows, options).value();
      QuantizedModel quantized =
          ModelOpt.quantize(
              model, Config.FP8_DEFAULT, model.bundledCalibrationData().orElseThrow(), options);
      ExportResult export = Exports.huggingFace(quantized).with(options).to(exported);
      double after = evaluate(exported, windows, options);
      terminal.line("");
      terminal.line(quantized.summary().stripTrailing());
      long originalBytes = model.tensors().tensors().stream().mapToLong(TensorInfo::byteSize).sum();
      terminal.entry("verified", export.report().summary());
      terminal.entry(
          "size",
          "%s before, %s after"
              .formatted(Sizes.bytes(originalBytes), Sizes.bytes(export.tensorBytes())));
      terminal.entry(
          "perplexity",
          String.format(
              Locale.ROOT,
              "%.3f before, %.3f after (%+.2f%%), read back from the export",
              before,
              after,
              100 * (after / before - 1)));
      terminal.entry("original", original.toString());
      terminal.entry("export", exported.toString());
    }
    return 0;
  }

  private static double evaluate(Path exported, List<Tensor> windows, JobOptions options) {
    try (HfModel model = Models.load(exported)) {
      return Perplexity.measure(model, windows, options).value();
    }
  }

  private Path directory() {
    try {
      if (out == null) {
        return Files.createTempDirectory("modelopt-demo-");
      }
      Files.createDirectories(out);
      try (var entries = Files.list(out)) {
        if (entries.findAny().isPresent()) {
          throw new ConfigException(
              out + " is not empty; give a directory that does not exist yet");
        }
      }
      return out;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
