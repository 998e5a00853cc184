package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import org.modelopt.config.Config;
import org.modelopt.models.advice.Advisor;
import org.modelopt.models.advice.Advisor.Recommendation;
import org.modelopt.models.advice.Blueprint;
import org.modelopt.models.advice.Estimate;
import org.modelopt.models.advice.Gpu;
import org.modelopt.models.advice.GpuCatalogue;
import org.modelopt.models.advice.Workload;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Recommends a number format for a model and a GPU; reads config.json only. */
@Command(
    name = "advise",
    description =
        "Recommends a number format for a model and a GPU, and estimates memory, speed and cost."
            + " Reads config.json only.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  modelopt advise --model Llama-3.1-70B --gpu H100 --gpus 8",
      "  modelopt advise --model Llama-3.1-8B --gpu L40S --context 8192 --concurrency 32 --price"
          + " 0.90"
    })
final class AdviseCommand implements Callable<Integer> {
  private static final double GIGA = 1e9;

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "Checkpoint directory, or a config.json.")
  private Path model;

  @Option(
      names = "--gpu",
      required = true,
      paramLabel = "NAME",
      description = "GPU: A100, L4, L40S, RTX-4090, RTX-5090, H100, H200, B200, GB200, MI300X ...")
  private String gpu;

  @Option(
      names = "--gpus",
      defaultValue = "1",
      paramLabel = "N",
      description = "GPUs that share one copy of the model. Default: ${DEFAULT-VALUE}.")
  private int gpus;

  @Option(
      names = "--context",
      defaultValue = "4096",
      paramLabel = "TOKENS",
      description = "Tokens a sequence holds, prompt and answer. Default: ${DEFAULT-VALUE}.")
  private int context;

  @Option(
      names = "--concurrency",
      defaultValue = "64",
      paramLabel = "N",
      description = "Sequences decoded together. Default: ${DEFAULT-VALUE}.")
  private int concurrency;

  @Option(
      names = "--kv-cache",
      defaultValue = "bf16",
      paramLabel = "bf16|fp8",
      description = "Type of the key-value cache. Default: ${DEFAULT-VALUE}.")
  private CacheType cache;

  @Option(
      names = "--price",
      paramLabel = "DOLLARS",
      description = "Dollars for one GPU for an hour; default: the catalogue's, which is dated.")
  private Optional<Double> price = Optional.empty();

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  private enum CacheType {
    BF16(16),
    FP8(8);

    private final int bits;

    CacheType(int bits) {
      this.bits = bits;
    }
  }

  @Override
  public Integer call() {
    Blueprint blueprint = Blueprint.read(model);
    Gpu found = GpuCatalogue.find(gpu);
    Workload workload = new Workload(gpus, context, concurrency, cache.bits);
    Advisor advisor =
        new Advisor(
            blueprint,
            found,
            workload,
            price.map(OptionalDouble::of).orElseGet(OptionalDouble::empty));
    List<Estimate> estimates = advisor.estimates();
    Optional<Recommendation> choice = advisor.recommend();
    Terminal terminal = Terminal.of(spec);
    if (json) {
      terminal.line(Json.text(asJson(blueprint, found, workload, estimates, choice)));
    } else {
      print(terminal, blueprint, found, workload, estimates, choice);
    }
    return 0;
  }

  private void print(
      Terminal terminal,
      Blueprint blueprint,
      Gpu found,
      Workload workload,
      List<Estimate> estimates,
      Optional<Recommendation> choice) {
    terminal.line(
        "%s: %.2f billion parameters, %,d key-value elements per token"
            .formatted(
                blueprint.name(),
                blueprint.parameters() / GIGA,
                blueprint.cacheElementsPerToken()));
    terminal.line(
        "%d x %s: %.0f GB, %.2f TB/s each; %s"
            .formatted(
                workload.gpus(),
                found.name(),
                found.memoryBytes() / GIGA,
                found.bytesPerSecond() / 1e12,
                priceText(found)));
    terminal.line("");
    terminal.line(
        "%-7s %11s %13s %14s %10s %12s %14s"
            .formatted(
                "format",
                "weights GB",
                "KV kB/token",
                "tokens cached",
                "sequences",
                "tokens/s",
                "$ per M tokens"));
    for (Estimate estimate : estimates) {
      terminal.line(row(estimate));
    }
    terminal.line("");
    if (choice.isEmpty()) {
      terminal.line(
          "It fits in no format; use more GPUs (--gpus), a shorter --context, or --kv-cache fp8.");
      return;
    }
    Recommendation recommended = choice.get();
    terminal.line(
        "Recommended: %s. Why: %s.".formatted(recommended.format().name(), recommended.reason()));
    recommended
        .format()
        .config()
        .ifPresent(config -> terminal.line("Make it:     " + command(config)));
    terminal.line(
        "Throughput is a roofline estimate at %.0f%% of the data sheet's rates, not a measurement."
            .formatted(Advisor.EFFICIENCY * 100));
  }

  private String command(Config config) {
    return "modelopt quantize --model %s --config %s --calib FILE.jsonl --export hf --out OUT"
        .formatted(model, config.name());
  }

  private String priceText(Gpu found) {
    if (price.isPresent()) {
      return "$%.2f an hour each, as given".formatted(price.get());
    }
    return found
        .price()
        .map(known ->
            "$%.2f an hour each (%s, %s)"
                .formatted(known.dollarsPerHour(), known.date(), known.source()))
        .orElse("no price known: give --price");
  }

  private static String row(Estimate estimate) {
    String name = estimate.format().name();
    String weights = "%.1f".formatted(estimate.weightBytes() / GIGA);
    String cached = "%.1f".formatted(estimate.cacheBytesPerToken() / 1e3);
    if (!estimate.supported()) {
      return "%-7s %11s %13s   no hardware for it".formatted(name, weights, cached);
    }
    if (!estimate.fits()) {
      return "%-7s %11s %13s   does not fit".formatted(name, weights, cached);
    }
    OptionalDouble cost = estimate.dollarsPerMillionTokens();
    return "%-7s %11s %13s %,14d %10d %,12.0f %14s"
        .formatted(
            name,
            weights,
            cached,
            estimate.cacheTokens(),
            estimate.batch(),
            estimate.tokensPerSecond(),
            cost.isPresent() ? "%.3f".formatted(cost.getAsDouble()) : "-");
  }

  private static ObjectNode asJson(
      Blueprint blueprint,
      Gpu found,
      Workload workload,
      List<Estimate> estimates,
      Optional<Recommendation> choice) {
    ObjectNode root = Json.object();
    root.put("model", blueprint.name());
    root.put("parameters", blueprint.parameters());
    root.put("gpu", found.name());
    root.put("gpus", workload.gpus());
    root.put("context", workload.context());
    ArrayNode list = root.putArray("formats");
    for (Estimate estimate : estimates) {
      ObjectNode node = list.addObject();
      node.put("format", estimate.format().name());
      node.put("supported", estimate.supported());
      node.put("fits", estimate.fits());
      node.put("weight_bytes", Math.round(estimate.weightBytes()));
      node.put("cache_bytes_per_token", Math.round(estimate.cacheBytesPerToken()));
      node.put("cache_tokens", estimate.cacheTokens());
      node.put("sequences", estimate.batch());
      node.put("tokens_per_second_estimate", estimate.tokensPerSecond());
      estimate
          .dollarsPerMillionTokens()
          .ifPresent(cost -> node.put("dollars_per_million_tokens_estimate", cost));
    }
    choice.ifPresent(recommended -> {
      ObjectNode node = root.putObject("recommended");
      node.put("format", recommended.format().name());
      recommended.format().config().ifPresent(config -> node.put("config", config.name()));
      node.put("reason", recommended.reason());
    });
    return root;
  }
}
