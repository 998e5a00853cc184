package org.modelopt.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.config.PlanSize;
import org.modelopt.config.SpecNames;
import org.modelopt.job.JobEstimate;
import org.modelopt.job.JobOptions;
import org.modelopt.mixed.Sensitivities;
import org.modelopt.models.HfModel;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.Calibration;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a job would do and take.
 *
 * @param model the model, open
 * @param plans one for each config
 * @param samples number of samples to calibrate on; none where no config needs any
 * @param tokens tokens in them
 * @param estimate what the job takes
 */
record Forecast(
    HfModel model, List<Planned> plans, int samples, long tokens, JobEstimate estimate) {
  private record Planned(Config config, Plan plan, PlanSize size) {}

  /** Works it out, without running a layer. */
  static Forecast of(
      HfModel model, List<Config> configs, Supplier<List<Tensor>> data, JobOptions options) {
    List<Planned> plans = new ArrayList<>();
    for (Config one : configs) {
      Plan plan = ModelOpt.plan(model, one);
      plans.add(new Planned(one, plan, PlanSize.of(model, plan)));
    }
    List<Tensor> samples =
        new Calibration(model, configs, options).needsSamples() ? data.get() : List.of();
    long tokens = samples.stream().mapToLong(sample -> sample.shape().dim(0)).sum();
    try (Backend backend = options.openBackend()) {
      return new Forecast(
          model,
          plans,
          samples.size(),
          tokens,
          JobEstimate.of(model, configs, samples, options, backend));
    }
  }

  /** Bytes of the tensors of {@code model} if its mixture has so many bits. */
  static long bytes(HfModel model, Sensitivities mixture, double bits) {
    long before = model.tensors().tensors().stream().mapToLong(TensorInfo::byteSize).sum();
    long searched =
        mixture.units().stream().mapToLong(unit -> unit.options().getFirst().bytes()).sum();
    return before - searched + (long) Math.min((double) searched, bits * mixture.elements() / 8);
  }

  void print(Terminal terminal, boolean json) {
    if (json) {
      terminal.line(Json.text(asJson()));
      return;
    }
    plans.forEach(one -> print(terminal, one));
    terminal.entry("calibrates", "%,d samples, %,d tokens".formatted(samples, tokens));
    terminal.entry("memory", "about " + Sizes.bytes(estimate.peakMemoryBytes()));
    terminal.entry(
        "disk", Sizes.bytes(estimate.temporaryDiskBytes()) + " beside the output, for a while");
    terminal.entry(
        "time",
        "about " + ProgressPrinter.duration(estimate.calibrationSeconds()) + " of calibration");
  }

  private void print(Terminal terminal, Planned planned) {
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
                  Sizes.bytes(PlanSize.bytesBefore(model, one.linear())),
                  Sizes.bytes(PlanSize.bytesAfter(model, one))));
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

  private static String format(Optional<QuantSpec> format) {
    return format.map(SpecNames::describe).orElse("as it is");
  }

  private ObjectNode asJson() {
    ObjectNode node = Json.object();
    node.put("model", model.directory().toString());
    ArrayNode configs = node.putArray("configs");
    for (Planned planned : plans) {
      ObjectNode one = configs.addObject();
      one.put("name", planned.config.name());
      one.put("bytes_before", planned.size.bytesBefore());
      one.put("bytes_after", planned.size.bytesAfter());
      one.put("effective_bits", planned.size.effectiveBits());
      ArrayNode linears = one.putArray("linears");
      planned.plan.linears().forEach(linear -> linears.add(asJson(linear)));
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
    node.putObject("calibration").put("samples", samples).put("tokens", tokens);
    return node;
  }

  private ObjectNode asJson(PlannedLinear linear) {
    ObjectNode node = Json.object();
    node.put("name", linear.linear().name());
    linear.weight().ifPresent(format -> node.put("weight", SpecNames.describe(format)));
    linear
        .dequantizedWeight()
        .ifPresent(format -> node.put("dequantized_weight", SpecNames.describe(format)));
    linear.input().ifPresent(format -> node.put("input", SpecNames.describe(format)));
    node.put("bytes_before", PlanSize.bytesBefore(model, linear.linear()));
    node.put("bytes_after", PlanSize.bytesAfter(model, linear));
    return node;
  }
}
