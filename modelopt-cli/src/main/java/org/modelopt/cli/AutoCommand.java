package org.modelopt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.config.Recipes;
import org.modelopt.error.ConfigException;
import org.modelopt.export.write.ExportResult;
import org.modelopt.job.JobOptions;
import org.modelopt.mixed.Mix;
import org.modelopt.mixed.Sensitivities;
import org.modelopt.models.HfModel;
import org.modelopt.quantize.AutoQuantized;
import org.modelopt.quantize.MixedPrecision;
import org.modelopt.quantize.SensitivityOptions;
import org.modelopt.quantize.SensitivityOptions.Measure;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Chooses a format for each linear so that the model has a given size, then does as quantize. */
@Command(
    name = "auto",
    description =
        "Quantizes in mixed precision: measures what each linear loses by each --config, and takes"
            + " the mixture that loses least within --bits.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Linears that servers join (q/k/v, gate/up) and the experts of a layer are treated alike."
          + " What",
      "was chosen stands in OUT.report/recipe.yaml, which quantize --recipe takes.",
      "",
      "Examples:",
      "  modelopt auto --model Llama-3.2-1B --bits 6 --config NVFP4_DEFAULT --config FP8_DEFAULT"
          + " \\",
      "      --calib chat.jsonl --out mixed",
      "  modelopt auto --model Llama-3.2-1B --bits 4.8 --config INT4_AWQ --config INT8_WEIGHT_ONLY"
          + " \\",
      "      --sensitivity divergence --calib chat.jsonl --export compressed-tensors --out mixed2"
    })
final class AutoCommand implements Callable<Integer> {
  private static final String RECIPE = "recipe.yaml";

  @Spec private CommandSpec spec;

  @Mixin private ModelArgument model = new ModelArgument();

  @Option(
      names = "--bits",
      required = true,
      paramLabel = "BITS",
      description =
          "Most bits per weight, scales included, over all linears that some --config quantizes.")
  private double bits;

  @Mixin private ConfigArguments config = new ConfigArguments();
  @Mixin private CalibrationArguments calibration = new CalibrationArguments();

  @Option(
      names = "--sensitivity",
      paramLabel = "output-error|divergence",
      defaultValue = "output-error",
      description =
          "What is measured: the error of each linear's outputs, or how far predictions move if it"
              + " alone is quantized, which takes many more runs. Default: ${DEFAULT-VALUE}.")
  private String sensitivity = "output-error";

  @Option(
      names = "--sensitivity-samples",
      paramLabel = "N",
      defaultValue = "" + SensitivityOptions.DEFAULT_SAMPLES,
      description = "Samples that divergence is measured on. Default: ${DEFAULT-VALUE}.")
  private int sensitivitySamples = SensitivityOptions.DEFAULT_SAMPLES;

  @Mixin private ExportArguments export = new ExportArguments();
  @Mixin private GuardArguments guard = new GuardArguments();
  @Mixin private JobArguments job = new JobArguments();
  @Mixin private JournalArguments journal = new JournalArguments();

  @Option(
      names = "--dry-run",
      description = "Check everything, say what the candidates would do and take, and do nothing.")
  private boolean dryRun;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    JobReport report = new JobReport(spec.commandLine().getParseResult().originalArgs());
    List<Config> candidates = config.configs();
    SensitivityOptions how = new SensitivityOptions(measure(), sensitivitySamples);
    JobOptions options =
        calibration.addTo(journal.addTo(job.options(terminal.progress(json), Optional.empty())));
    try (HfModel opened = model.open();
        Interruption _ = journal.onInterruption(spec)) {
      Sensitivities unmeasured = new MixedPrecision(opened, candidates, how, options).unmeasured();
      export.check(
          List.of(unmeasured.solve(bits).config()), Forecast.bytes(opened, unmeasured, bits));
      if (dryRun) {
        Forecast.of(opened, candidates, () -> calibration.samples(opened), options)
            .print(terminal, json);
        return 0;
      }
      AutoQuantized auto =
          ModelOpt.autoQuantize(opened, candidates, bits, calibration.data(opened), how, options);
      report.ended("calibrate");
      report.measured(auto.model(), guard.check(opened, auto.model(), options, terminal, json));
      List<ExportResult> results = export.write(List.of(auto.model()), options);
      report.ended("export");
      JobOutput output =
          new JobOutput(model.directory(), List.of(auto.model()), results, guard.limits());
      List<Path> reports = output.writeReports(report, options);
      write(auto.mix().config(), reports.getFirst().resolve(RECIPE));
      if (json) {
        ObjectNode node = output.asJson();
        node.set("mixture", asJson(auto.mix()));
        terminal.line(Json.text(node));
      } else {
        print(terminal, auto.mix());
        output.print(terminal, reports);
      }
    }
    return 0;
  }

  private Measure measure() {
    return switch (sensitivity.toLowerCase(Locale.ROOT)) {
      case "output-error" -> Measure.OUTPUT_ERROR;
      case "divergence" -> Measure.DIVERGENCE;
      default ->
          throw new ConfigException(
              "--sensitivity is output-error or divergence, not \"" + sensitivity + "\"");
    };
  }

  private static void write(Config config, Path recipe) {
    try {
      Files.writeString(recipe, Recipes.write(config));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + recipe, e);
    }
  }

  private static void print(Terminal terminal, Mix mix) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    mix.choices().forEach(choice -> counts.merge(choice.option().candidate(), 1, Integer::sum));
    int width = mix.choices().stream().mapToInt(c -> c.unit().name().length()).max().orElse(1);
    for (Mix.Choice choice : mix.choices()) {
      terminal.line(
          String.format(
              Locale.ROOT,
              "  %-" + width + "s  %-24s loses %.3g",
              choice.unit().name(),
              choice.option().candidate(),
              choice.option().score()));
    }
    terminal.entry(
        "mixture",
        String.format(Locale.ROOT, "%.3f bits per weight; units: %s", mix.effectiveBits(), counts));
  }

  private static ObjectNode asJson(Mix mix) {
    ObjectNode node = Json.object();
    node.put("effective_bits", mix.effectiveBits());
    node.put("score", mix.score());
    ArrayNode units = node.putArray("units");
    for (Mix.Choice choice : mix.choices()) {
      ObjectNode unit = units.addObject();
      unit.put("name", choice.unit().name());
      unit.put("config", choice.option().candidate());
      ArrayNode all = unit.putArray("options");
      choice
          .unit()
          .options()
          .forEach(option ->
              all.addObject()
                  .put("config", option.candidate())
                  .put("bytes", option.bytes())
                  .put("score", option.score()));
    }
    return node;
  }
}
