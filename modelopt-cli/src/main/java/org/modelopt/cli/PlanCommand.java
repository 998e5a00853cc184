package org.modelopt.cli;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.modelopt.config.Config;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says what quantize would do, and what that would take. */
@Command(
    name = "plan",
    description =
        "Says what quantize would do with the same options: the format of every linear, sizes,"
            + " memory, disk and time. Runs no layer and writes nothing.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Example:",
      "  modelopt plan --model Llama-3.2-1B --config FP8_DEFAULT --calib chat.jsonl --samples 512"
    })
final class PlanCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();
  @Mixin private ConfigArguments config = new ConfigArguments();
  @Mixin private CalibrationArguments calibration = new CalibrationArguments();
  @Mixin private JobArguments job = new JobArguments();
  @Mixin private JournalArguments journal = new JournalArguments();

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    List<Config> configs = config.configs();
    JobOptions options =
        calibration.addTo(journal.addTo(job.options(terminal.progress(true), Optional.empty())));
    try (HfModel opened = model.open()) {
      Forecast.of(opened, configs, () -> calibration.samples(opened), options)
          .print(terminal, json);
    }
    return 0;
  }
}
