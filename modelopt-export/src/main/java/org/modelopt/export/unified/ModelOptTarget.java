package org.modelopt.export.unified;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.modelopt.config.SpecNames;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.error.ConfigException;
import org.modelopt.export.hf.CacheScales;
import org.modelopt.export.hf.ExcludedModules;
import org.modelopt.export.hf.HfPlan;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.hf.LinearLayout;
import org.modelopt.export.hf.LinearTensor;
import org.modelopt.export.unified.LinearFormat.Algorithm;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.job.Weights;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Linear;
import org.modelopt.model.Producer;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** A HuggingFace checkpoint with ModelOpt's metadata. */
public record ModelOptTarget() implements Target {
  @Override
  public String id() {
    return "hf";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    SequencedMap<Linear, LinearFormat> formats = formats(subject);
    SequencedMap<Linear, LinearLayout> layouts = new LinkedHashMap<>();
    SequencedMap<String, LinearFormat> layers = new LinkedHashMap<>();
    Set<Linear> alone =
        subject.model().layers().stream()
            .flatMap(layer -> layer.inputGroups().stream())
            .filter(group -> !(group.producer().orElse(null) instanceof Producer.Norm))
            .map(InputGroup::linears)
            .filter(members -> members.size() == 1)
            .map(List::getFirst)
            .collect(Collectors.toSet());
    formats.forEach((linear, format) -> {
      WeightDecision decision = subject.decisions().weight(linear.name()).orElseThrow();
      LinearLayout layout = Layouts.of(format, linear, decision, subject.input(linear));
      boolean unscaled = subject.input(linear).flatMap(InputDecision::preScale).isEmpty();
      boolean needsScale = format.algorithm().isScaled() && alone.contains(linear);
      layouts.put(
          linear,
          unscaled && needsScale ? layout.and(List.of(ones(linear, subject.dtype()))) : layout);
      layers.put(linear.name(), format);
    });
    Optional<CacheScales> cache = CacheScales.of(subject);
    Description description =
        new Description(
            layers,
            cache.map(CacheScales::format),
            ExcludedModules.patterns(subject.unquantizedModules(), layers.keySet()));
    HfPlan plan =
        HfPlan.of(subject, "ModelOpt " + description.algorithm(), layouts)
            .withConfig(description.flat())
            .withText("hf_quant_config.json", JsonText.of(description.nested()));
    cache.ifPresent(scales -> plan.withNumbers(scales.byProjection(), Shape.scalar()));
    return plan.build(readers(layers));
  }

  /**
   * Factors of one where nothing was scaled: TensorRT-LLM stops without a pre-quant scale on
   * linears that it does not join with others, and expects none on those that it does or that a
   * norm stands before.
   */
  private static LinearTensor ones(Linear linear, DType dtype) {
    Shape shape = Shape.of(linear.inFeatures());
    return new LinearTensor(
        "pre_quant_scale",
        dtype,
        shape,
        (form, pass, arena) -> {
          float[] ones = new float[Math.toIntExact(linear.inFeatures())];
          Arrays.fill(ones, 1);
          return Weights.rounded(Tensor.ofFloats(arena, shape, ones), dtype, pass, arena);
        });
  }

  private static SequencedMap<Linear, LinearFormat> formats(Subject subject) {
    SequencedMap<Linear, LinearFormat> formats = new LinkedHashMap<>();
    for (Linear linear : subject.quantizedLinears().keySet()) {
      WeightDecision decision = subject.decisions().weight(linear.name()).orElseThrow();
      Optional<InputDecision> input = subject.input(linear);
      if (input.flatMap(InputDecision::rotation).isPresent()) {
        throw new ConfigException(
            linear.name()
                + ": no reader rotates inputs as they come; choose a rotation that folds");
      }
      formats.put(
          linear,
          LinearFormat.of(decision, input)
              .orElseThrow(() -> new ConfigException(unknown(linear, decision, input))));
    }
    Subject.requireSome(formats.keySet(), subject.model());
    // Where some linears keep factors beside their codes, the format of all is the one that may.
    if (formats.values().stream().anyMatch(f -> f.algorithm() == Algorithm.NVFP4_SCALED)) {
      formats.replaceAll((linear, format) ->
          format.algorithm() == Algorithm.NVFP4
              ? new LinearFormat(Algorithm.NVFP4_SCALED, format.group())
              : format);
    }
    return formats;
  }

  private static String unknown(
      Linear linear, WeightDecision decision, Optional<InputDecision> input) {
    return "%s: no reader of ModelOpt checkpoints takes weight %s with input %s; the exports compressed-tensors, autoawq, gptq and gguf hold other formats"
        .formatted(
            linear.name(),
            SpecNames.describe(decision.quantization().orElseThrow().spec()),
            input
                .flatMap(InputDecision::quantization)
                .map(q -> SpecNames.describe(q.spec()))
                .orElse("as it is"));
  }

  /** Which consumers read a checkpoint with these formats; specification: docs/exports.md. */
  private static Set<Consumer> readers(SequencedMap<String, LinearFormat> layers) {
    Set<Algorithm> algorithms =
        layers.values().stream().map(LinearFormat::algorithm).collect(Collectors.toSet());
    if (algorithms.size() > 1) {
      return algorithms.equals(EnumSet.of(Algorithm.FP8, Algorithm.NVFP4))
          ? EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH)
          : EnumSet.of(Consumer.TRTLLM_PYTORCH);
    }
    return readers(new ArrayList<>(algorithms).getFirst());
  }

  private static Set<Consumer> readers(Algorithm algorithm) {
    return switch (algorithm) {
      case FP8, NVFP4 -> EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH);
      case FP8_ROWS, FP8_TILES -> EnumSet.of(Consumer.VLLM, Consumer.TRTLLM_PYTORCH);
      case NVFP4_WEIGHT, MXFP8 -> EnumSet.of(Consumer.VLLM);
      case INT4, INT4_FP8, NVFP4_SCALED, INT8_WEIGHT, NVFP4_FP8, MXFP4_FP8 ->
          EnumSet.of(Consumer.TRTLLM_PYTORCH);
      case INT8, NVFP4_BRANCHED, MXFP4, MXFP4_BOTH -> EnumSet.noneOf(Consumer.class);
    };
  }

  /** Which consumers read which {@code quant_algo}. */
  public static SequencedMap<String, Set<Consumer>> support() {
    SequencedMap<String, Set<Consumer>> support = new LinkedHashMap<>();
    for (Algorithm algorithm : Algorithm.values()) {
      support.put(algorithm.text(), readers(algorithm));
    }
    support.put(
        "MIXED_PRECISION of FP8 and NVFP4",
        EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH));
    support.put("MIXED_PRECISION otherwise", EnumSet.of(Consumer.TRTLLM_PYTORCH));
    return support;
  }
}
