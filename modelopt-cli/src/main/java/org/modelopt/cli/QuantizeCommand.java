package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.config.PlanSize;
import org.modelopt.error.ConfigException;
import org.modelopt.export.write.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
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
      "The output appears complete and checked, or not at all. What it cost each layer stands in",
      "OUT.report/report.html, a page to open in a browser, and in report.json beside it.",
      "",
      "Examples:",
      "  modelopt quantize --model Llama-3.2-1B --config FP8_DEFAULT --calib chat.jsonl \\",
      "      --export hf --out Llama-3.2-1B-FP8",
      "  modelopt quantize --model Llama-3.2-1B --config FP8_DEFAULT --kv-cache fp8 \\",
      "      --calib chat.jsonl --samples 1024 --max-length 2048 --export hf --out out",
      "  modelopt quantize --model Llama-3.2-1B --config FP8_DEFAULT --recipe mine.yaml \\",
      "      --calib chat.jsonl --out both --job-dir job --resume",
      "  modelopt quantize --model Llama-3.2-1B --calib chat.jsonl --export gguf \\",
      "      --gguf-type Q4_K_M --out llama.gguf"
    })
final class QuantizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();
  @Mixin private ConfigArguments config = new ConfigArguments();
  @Mixin private CalibrationArguments calibration = new CalibrationArguments();
  @Mixin private ExportArguments export = new ExportArguments();
  @Mixin private GgufArguments gguf = new GgufArguments();
  @Mixin private GuardArguments guard = new GuardArguments();
  @Mixin private JobArguments job = new JobArguments();
  @Mixin private JournalArguments journal = new JournalArguments();

  @Option(
      names = "--statistics",
      paramLabel = "DIR",
      description =
          "Decide from what the command calibrate wrote there, and run no samples; repeatable, then"
              + " merged in this order.")
  private List<Path> statistics = new ArrayList<>();

  @Option(
      names = "--dry-run",
      description = "Check everything, say what would be done and take, and do nothing, as plan.")
  private boolean dryRun;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    JobReport report = new JobReport(spec.commandLine().getParseResult().originalArgs());
    List<Config> configs = config.configs();
    if (!statistics.isEmpty() && calibration.isGiven()) {
      throw new ConfigException(
          "--statistics stand for samples; leave out --calib and all that says which samples to"
              + " take");
    }
    JobOptions options =
        calibration.addTo(journal.addTo(job.options(terminal.progress(json), Optional.empty())));
    gguf.check();
    if (export.isGgufAlone() && !config.isGiven()) {
      return ggufAlone(options, terminal);
    }
    try (HfModel opened = model.open();
        Interruption _ = journal.onInterruption(spec)) {
      export.check(
          configs,
          configs.stream()
              .mapToLong(one -> PlanSize.of(opened, ModelOpt.plan(opened, one)).bytesAfter())
              .sum());
      if (dryRun) {
        Forecast.of(
                opened,
                configs,
                statistics.isEmpty() ? () -> calibration.samples(opened) : List::of,
                options)
            .print(terminal, json);
        return 0;
      }
      List<QuantizedModel> quantized =
          statistics.isEmpty()
              ? ModelOpt.quantize(opened, configs, calibration.data(opened), options)
              : ModelOpt.quantize(opened, configs, statistics, options);
      report.ended("calibrate");
      for (QuantizedModel one : quantized) {
        report.measured(one, guard.check(opened, one, options, terminal, json));
      }
      List<ExportResult> results =
          export.write(
              quantized,
              options,
              (one, file) ->
                  gguf.write(one, opened, Optional.of(calibration.data(opened)), file, options));
      report.ended("export");
      JobOutput output = new JobOutput(model.directory(), quantized, results, guard.limits());
      List<Path> reports = output.writeReports(report, options);
      if (json) {
        terminal.line(Json.text(output.asJson()));
      } else {
        output.print(terminal, reports);
      }
    }
    return 0;
  }

  /** The weights as they are, to the type of GGUF; calibration data says what matters in them. */
  private int ggufAlone(JobOptions options, Terminal terminal) {
    export.check(List.of(), 0);
    try (HfModel opened = model.open()) {
      JobOutput.print(
          terminal,
          gguf.write(
              QuantizedModel.unchanged(opened),
              opened,
              Optional.of(calibration.data(opened)),
              export.ggufFile(),
              options));
    }
    return 0;
  }
}
