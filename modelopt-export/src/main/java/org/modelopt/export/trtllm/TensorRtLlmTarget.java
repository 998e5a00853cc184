package org.modelopt.export.trtllm;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.modelopt.config.SpecNames;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.error.ConfigException;
import org.modelopt.export.unified.LinearFormat;
import org.modelopt.export.unified.LinearFormat.Algorithm;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.model.Linear;

/**
 * A checkpoint of the classic TensorRT-LLM.
 *
 * @param tensorParallel GPUs that share each layer
 * @param pipelineParallel stages of consecutive layers
 */
public record TensorRtLlmTarget(int tensorParallel, int pipelineParallel) implements Target {
  private static final Set<Algorithm> KNOWN =
      EnumSet.of(
          Algorithm.FP8,
          Algorithm.FP8_ROWS,
          Algorithm.INT8,
          Algorithm.INT8_WEIGHT,
          Algorithm.INT4,
          Algorithm.INT4_FP8,
          Algorithm.NVFP4);

  /**
   * What TensorRT-LLM calls the decoder of a {@code model_type}, if classic checkpoints are written
   * for it.
   */
  public static Optional<String> decoder(String modelType) {
    return LlmConfig.decoder(modelType);
  }

  /** A checkpoint for one GPU. */
  public TensorRtLlmTarget() {
    this(1, 1);
  }

  @Override
  public String id() {
    return "trtllm";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    LlmConfig config = LlmConfig.of(subject);
    Ranks ranks = new Ranks(config.layers(), tensorParallel, pipelineParallel);
    SequencedMap<Linear, Slot> slots = slots(subject);
    Optional<LinearFormat> format = format(subject, slots.keySet());
    SequencedMap<String, List<Linear>> modules = new LinkedHashMap<>();
    slots.forEach((linear, slot) ->
        modules
            .computeIfAbsent(slot.layer() + "." + slot.module(), key -> new ArrayList<>())
            .add(linear));
    Decisions decisions =
        format.filter(f -> f.algorithm() == Algorithm.INT8_WEIGHT).isPresent()
            ? unquantized(subject.decisions())
            : MergedScales.of(subject.decisions(), modules.values());
    RankTensors tensors = new RankTensors(subject, config, ranks, decisions, format);
    modules.values().forEach(members -> tensors.addModule(members, slots));
    tensors.addParameters();
    SequencedMap<String, String> texts = new LinkedHashMap<>();
    texts.put("config.json", config.text(ranks, format, tensors.excluded(), tensors.cache()));
    return new CheckpointPlan(
        "TensorRT-LLM " + format.map(f -> f.algorithm().text()).orElse("unquantized"),
        decisions,
        new RankFiles(tensors.infos()),
        tensors.linears(),
        new LinkedHashMap<>(),
        tensors.parameters(),
        tensors.constants(),
        texts,
        subject.model().companionFiles(),
        Set.of(Consumer.TRTLLM));
  }

  private static SequencedMap<Linear, Slot> slots(Subject subject) {
    SequencedMap<Linear, Slot> slots = new LinkedHashMap<>();
    for (Linear linear : subject.model().linears().toList()) {
      if (linear.name().equals("lm_head")) {
        continue;
      }
      slots.put(
          linear,
          Slot.of(linear)
              .orElseThrow(() ->
                  new ConfigException(
                      linear.name()
                          + ": this export knows no place for it in TensorRT-LLM's classic"
                          + " checkpoints; export hf for its PyTorch backend")));
    }
    return slots;
  }

  private static Optional<LinearFormat> format(Subject subject, Set<Linear> linears) {
    SequencedMap<Linear, ?> quantized = subject.quantizedLinears();
    Set<LinearFormat> formats =
        quantized.keySet().stream()
            .map(linear -> {
              WeightDecision decision = subject.decisions().weight(linear.name()).orElseThrow();
              Optional<InputDecision> input = subject.input(linear);
              return LinearFormat.of(decision, input)
                  .filter(format -> KNOWN.contains(format.algorithm()))
                  .filter(format -> linears.contains(linear))
                  .filter(format -> input.flatMap(InputDecision::rotation).isEmpty())
                  .orElseThrow(() ->
                      new ConfigException(
                          "%s: classic TensorRT-LLM does not take weight %s here; export hf for its PyTorch backend"
                              .formatted(
                                  linear.name(),
                                  SpecNames.describe(
                                      decision.quantization().orElseThrow().spec()))));
            })
            .collect(Collectors.toSet());
    if (formats.size() > 1) {
      throw new ConfigException(
          "a classic TensorRT-LLM checkpoint takes one format, not "
              + formats.stream().map(f -> f.algorithm().text()).sorted().toList()
              + "; export hf for its PyTorch backend");
    }
    return formats.stream().findFirst();
  }

  /** W8A16 weights are stored as they are: TensorRT-LLM quantizes them as it loads. */
  private static Decisions unquantized(Decisions decisions) {
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>();
    decisions
        .weights()
        .forEach((name, decision) ->
            weights.put(
                name, new WeightDecision(decision.changes(), Optional.empty(), decision.branch())));
    return new Decisions(weights, decisions.inputs(), decisions.caches(), decisions.parameters());
  }
}
