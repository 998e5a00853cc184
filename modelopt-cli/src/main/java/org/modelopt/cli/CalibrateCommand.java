package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.data.SampleSet;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.publish.Publication;
import org.modelopt.quantize.Observation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Observes samples and keeps what was seen, for quantize. */
@Command(
    name = "calibrate",
    description =
        "Runs samples through the model and writes what was seen, which quantize --statistics takes"
            + " instead of samples. So they can be split over processes and machines.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Configs that decide a layer for what the quantized layers before it give need samples.",
      "",
      "Example, the first two commands at the same time or on two machines:",
      "  modelopt calibrate --model Llama-3.2-1B --config INT4_AWQ --calib chat.jsonl --part 1/2"
          + " --out s1",
      "  modelopt calibrate --model Llama-3.2-1B --config INT4_AWQ --calib chat.jsonl --part 2/2"
          + " --out s2",
      "  modelopt quantize --model Llama-3.2-1B --config INT4_AWQ --statistics s1 --statistics s2"
          + " \\",
      "      --out Llama-3.2-1B-INT4"
    })
final class CalibrateCommand implements Callable<Integer> {
  private static final Pattern PART = Pattern.compile("([1-9]\\d{0,5})/([1-9]\\d{0,5})");

  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();
  @Mixin private ConfigArguments config = new ConfigArguments();
  @Mixin private CalibrationArguments calibration = new CalibrationArguments();

  @Option(
      names = "--part",
      paramLabel = "I/N",
      defaultValue = "1/1",
      description =
          "Take part I of the samples cut into N parts of consecutive ones. Default:"
              + " ${DEFAULT-VALUE}.")
  private String part = "1/1";

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Where to; must not exist yet or be empty.")
  private Path out = Path.of("");

  @Mixin private JobArguments job = new JobArguments();

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    List<Config> configs = config.configs();
    JobOptions options = calibration.addTo(job.options(terminal.progress(), Optional.empty()));
    try (HfModel opened = model.open();
        Backend backend = options.openBackend()) {
      Observation observation = new Observation(opened, configs, options);
      Publication.checkDirectory(out, 0);
      SampleSet samples = part(calibration.data(opened).read(opened.textEncoder()));
      observation.run(samples, backend, out);
      terminal.entry(
          "observed",
          "%,d samples, %,d tokens of %s"
              .formatted(samples.samples().size(), samples.tokens(), samples.source()));
      terminal.entry("written to", out);
    }
    return 0;
  }

  private SampleSet part(SampleSet all) {
    Matcher numbers = PART.matcher(part);
    if (!numbers.matches()
        || Integer.parseInt(numbers.group(1)) > Integer.parseInt(numbers.group(2))) {
      throw new ConfigException("--part is I/N with I from 1 to N, not \"" + part + "\"");
    }
    long index = Long.parseLong(numbers.group(1));
    long count = Long.parseLong(numbers.group(2));
    int size = all.samples().size();
    if (count > size) {
      throw new ConfigException("--part " + part + " cuts " + size + " samples into more parts");
    }
    return new SampleSet(
        all.source(),
        all.samples().subList((int) (size * (index - 1) / count), (int) (size * index / count)),
        all.asked(),
        all.read(),
        all.skipped());
  }
}
