package org.modelopt.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.config.PlanSize;
import org.modelopt.config.SpecNames;
import org.modelopt.job.JobEstimate;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.Calibration;
import org.modelopt.tensor.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

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

  private record Planned(Config config, Plan plan, PlanSize size) {}

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    List<Config> configs = config.configs();
    JobOptions options = journal.addTo(job.options(terminal.progress(true), Optional.empty()));
    try (HfModel opened = model.open()) {
      List<Planned> plans = new ArrayList<>();
      for (Config one : configs) {
        Plan plan = ModelOpt.plan(opened, one);
        plans.add(new Planned(one, plan, PlanSize.of(opened, plan)));
      }
      List<Tensor> samples =
          new Calibration(opened, configs, options).needsSamples()
              ? calibration.data(opened).read(opened.textEncoder()).samples()
              : List.of();
      long tokens = samples.stream().mapToLong(sample -> sample.shape().dim(0)).sum();
      JobEstimate estimate;
      try (Backend backend = options.openBackend()) {
        estimate = JobEstimate.of(opened, configs, samples, options, backend);
      }
      if (json) {
        ObjectNode node = asJson(opened, plans, estimate);
        node.putObject("calibration").put("samples", samples.size()).put("tokens", tokens);
        terminal.line(Json.text(node));
      } else {
        plans.forEach(one -> print(terminal, opened, one));
        terminal.entry("calibrates", "%,d samples, %,d tokens".formatted(samples.size(), tokens));
        print(terminal, estimate);
      }
    }
    return 0;
  }

  private static void print(Terminal terminal, HfModel opened, Planned planned) {
    terminal.entry("config", planned.config.name());
    int width =
        planned.plan.linears().stream()
            .mapToInt(one -> one.linear().name().length())
            .max()
            .orElse(1);
    for (PlannedLinear one : planned.plan.linears()) {
      terminal.line(
          ("  %-" + Math.max(1, width) + "s  %-18s %-22s %10s -> %s")
              .formatted(
                  one.linear().name(),
                  format(one.weight()),
                  "input " + format(one.input()),
                  Sizes.bytes(PlanSize.bytesBefore(opened, one.linear())),
                  Sizes.bytes(PlanSize.bytesAfter(opened, one))));
    }
    planned.plan.caches().stream()
        .filter(cache -> cache.spec().isPresent())
        .forEach(cache ->
            terminal.line(
                "  %s  %s cache %s"
                    .formatted(
                        cache.site().name(),
                        cache.site().kind().name().toLowerCase(Locale.ROOT),
                        format(cache.spec()))));
    PlanSize size = planned.size;
    terminal.entry(
        "size",
        "%s before, %s after, %s bits per weight of linears"
            .formatted(
                Sizes.bytes(size.bytesBefore()),
                Sizes.bytes(size.bytesAfter()),
                String.format(Locale.ROOT, "%.3f", size.effectiveBits())));
  }

  private static void print(Terminal terminal, JobEstimate estimate) {
    terminal.entry("memory", "about " + Sizes.bytes(estimate.peakMemoryBytes()));
    terminal.entry(
        "disk", Sizes.bytes(estimate.temporaryDiskBytes()) + " beside the output, for a while");
    terminal.entry(
        "time",
        "about " + ProgressPrinter.duration(estimate.calibrationSeconds()) + " of calibration");
  }

  private static String format(Optional<QuantSpec> format) {
    return format.map(SpecNames::describe).orElse("as it is");
  }

  private static ObjectNode asJson(HfModel opened, List<Planned> plans, JobEstimate estimate) {
    ObjectNode node = Json.object();
    node.put("model", opened.directory().toString());
    ArrayNode configs = node.putArray("configs");
    for (Planned planned : plans) {
      ObjectNode one = configs.addObject();
      one.put("name", planned.config.name());
      one.put("bytes_before", planned.size.bytesBefore());
      one.put("bytes_after", planned.size.bytesAfter());
      one.put("effective_bits", planned.size.effectiveBits());
      ArrayNode linears = one.putArray("linears");
      planned.plan.linears().forEach(linear -> linears.add(asJson(opened, linear)));
      ArrayNode caches = one.putArray("caches");
      planned.plan.caches().stream()
          .filter(cache -> cache.spec().isPresent())
          .forEach(cache ->
              caches
                  .addObject()
                  .put("name", cache.site().name())
                  .put("kind", cache.site().kind().name().toLowerCase(Locale.ROOT))
                  .put("format", format(cache.spec())));
    }
    node.put("peak_memory_bytes", estimate.peakMemoryBytes());
    node.put("temporary_disk_bytes", estimate.temporaryDiskBytes());
    node.put("calibration_seconds", estimate.calibrationSeconds());
    return node;
  }

  private static ObjectNode asJson(HfModel opened, PlannedLinear linear) {
    ObjectNode node = Json.object();
    node.put("name", linear.linear().name());
    linear.weight().ifPresent(format -> node.put("weight", SpecNames.describe(format)));
    linear
        .dequantizedWeight()
        .ifPresent(format -> node.put("dequantized_weight", SpecNames.describe(format)));
    linear.input().ifPresent(format -> node.put("input", SpecNames.describe(format)));
    node.put("bytes_before", PlanSize.bytesBefore(opened, linear.linear()));
    node.put("bytes_after", PlanSize.bytesAfter(opened, linear));
    return node;
  }
}
