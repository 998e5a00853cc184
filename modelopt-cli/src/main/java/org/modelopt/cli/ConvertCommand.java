package org.modelopt.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.config.PlanSize;
import org.modelopt.error.ConfigException;
import org.modelopt.export.DataFreeFormat;
import org.modelopt.export.write.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.quantize.QuantizedModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Converts without calibration. */
@Command(
    name = "convert",
    description = "Converts a HuggingFace checkpoint to another format, without calibration.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt convert --model Llama-3.2-1B --to nvfp4 --out Llama-3.2-1B-NVFP4",
      "  modelopt convert --model Llama-3.2-1B --to int4 --export autoawq,gptq --out both",
      "  modelopt convert --model Llama-3.2-1B --to gguf --gguf-type Q4_K_M --out llama.gguf"
    })
final class ConvertCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();

  @Option(
      names = "--to",
      required = true,
      paramLabel = "FORMAT",
      description =
          "fp8 (weights by row, inputs by token), fp8-block, int8, int8-weight-only, int4, nvfp4"
              + " (weights), mxfp8, mxfp4, mxfp4-experts (of gpt-oss), bf16, fp16, fp32; gguf for"
              + " llama.cpp.")
  private String format;

  @Mixin private GgufArguments gguf = new GgufArguments();

  @Option(
      names = "--exclude",
      paramLabel = "PATTERN",
      description = "Modules to leave as they are, for example \"*down_proj\"; repeatable.")
  private List<String> excluded = new ArrayList<>();

  @Option(
      names = "--compare",
      description =
          "Compare all values of the result with the original, too, before it appears; takes longer"
              + " than the conversion. Names, types, shapes and scales are always checked.")
  private boolean compare;

  @Mixin private ExportArguments export = new ExportArguments();
  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    JobOptions options = job.options(terminal.progress(), Optional.empty());
    if (format.equalsIgnoreCase("gguf")) {
      return gguf.convert(model, export.file(), options, terminal);
    }
    DataFreeFormat to =
        DataFreeFormat.find(format.toLowerCase(Locale.ROOT))
            .orElseThrow(
                () -> new ConfigException("--to knows %s, not \"%s\"".formatted(names(), format)));
    if (!compare) {
      export.compareNoValues();
    }
    try (HfModel opened = model.open()) {
      if (compare && opened.storedDecisions().isPresent()) {
        throw new ConfigException(
            opened.name()
                + " is quantized already: there are no values to --compare with; leave that out");
      }
      for (ExportResult result :
          export.write(quantized(opened, to, options), to.target(), options)) {
        JobOutput.print(terminal, result);
      }
    }
    return 0;
  }

  private List<QuantizedModel> quantized(HfModel opened, DataFreeFormat to, JobOptions options) {
    if (to.config().isEmpty()) {
      export.check(List.of(), 0);
      return List.of(QuantizedModel.unchanged(opened));
    }
    Config config = to.config().get();
    for (String pattern : excluded) {
      config = config.withoutModules(pattern);
    }
    export.check(List.of(config), PlanSize.of(opened, ModelOpt.plan(opened, config)).bytesAfter());
    return List.of(ModelOpt.convert(opened, config, options));
  }

  private static String names() {
    return DataFreeFormat.all().stream()
        .map(DataFreeFormat::name)
        .collect(Collectors.joining(", "));
  }
}
