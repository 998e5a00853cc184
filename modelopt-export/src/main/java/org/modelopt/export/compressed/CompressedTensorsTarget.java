package org.modelopt.export.compressed;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.export.compressed.CompressedScheme.Kind;
import org.modelopt.export.hf.CacheScales;
import org.modelopt.export.hf.HfPlan;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.hf.LinearLayout;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.ScaleTypes;
import org.modelopt.export.write.SpecTraits;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.model.Linear;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import tools.jackson.databind.node.ObjectNode;

/** A HuggingFace checkpoint of compressed-tensors. */
public record CompressedTensorsTarget() implements Target {
  @Override
  public String id() {
    return "compressed-tensors";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    SequencedMap<Linear, CompressedScheme> schemes = new LinkedHashMap<>();
    subject
        .quantizedLinears()
        .forEach((linear, how) -> {
          Optional<SpecTraits> input = SpecTraits.ofInput(subject.input(linear));
          subject.requireNothingBeside("compressed-tensors", linear);
          schemes.put(
              linear,
              CompressedScheme.of(how, input)
                  .orElseThrow(() -> Subject.misfit("compressed-tensors", linear, how, input)));
        });
    Subject.requireSome(schemes.keySet(), subject.model());
    List<Linear> packed =
        schemes.entrySet().stream()
            .filter(entry -> entry.getValue().kind() == Kind.PACKED)
            .map(Map.Entry::getKey)
            .toList();
    Decisions decisions =
        ScaleTypes.with(
            InverseScales.of(subject.decisions()),
            packed,
            subject.dtype() == DType.F16 ? ScaleFormat.F16 : ScaleFormat.BF16);
    SequencedMap<Linear, LinearLayout> layouts = new LinkedHashMap<>();
    schemes.forEach((linear, scheme) -> {
      WeightQuantization how = decisions.weightQuantization(linear.name()).orElseThrow();
      layouts.put(
          linear,
          CompressedLayouts.of(
              scheme, linear, how.spec(), decisions.inputQuantization(linear.name())));
    });
    Optional<CacheScales> cache = CacheScales.of(subject);
    HfPlan plan =
        HfPlan.of(subject, "compressed-tensors " + title(schemes), decisions, layouts)
            .withConfig(quantization(schemes, subject.unquantizedLinears(), cache));
    cache.ifPresent(scales -> plan.withNumbers(scales.byAttention(), Shape.of(1)));
    return plan.build(readers(schemes));
  }

  private static String title(SequencedMap<Linear, CompressedScheme> schemes) {
    List<CompressedScheme> distinct = schemes.values().stream().distinct().toList();
    return distinct.size() == 1 ? distinct.getFirst().title() : "mixed-precision";
  }

  private static ObjectNode quantization(
      SequencedMap<Linear, CompressedScheme> schemes,
      List<String> excluded,
      Optional<CacheScales> cache) {
    Map<CompressedScheme, List<String>> members = new LinkedHashMap<>();
    schemes.forEach((linear, scheme) ->
        members.computeIfAbsent(scheme, key -> new ArrayList<>()).add(linear.name()));
    List<String> formats =
        members.keySet().stream().map(s -> s.kind().format()).distinct().toList();
    ObjectNode node = JsonText.object();
    ObjectNode groups = node.putObject("config_groups");
    members.forEach((scheme, names) -> {
      ObjectNode group = groups.putObject("group_" + groups.size());
      group.set("targets", JsonText.array(members.size() == 1 ? List.of("Linear") : names));
      group.set("weights", scheme.weights());
      scheme
          .inputs()
          .ifPresentOrElse(
              inputs -> group.set("input_activations", inputs),
              () -> group.putNull("input_activations"));
      group.putNull("output_activations");
      group.put("format", scheme.kind().format());
    });
    node.put("format", formats.size() == 1 ? formats.getFirst() : "mixed-precision");
    node.set("ignore", JsonText.array(excluded));
    node.set("kv_cache_scheme", cache.map(CompressedTensorsTarget::cache).orElse(null));
    node.put("quant_method", "compressed-tensors");
    node.put("quantization_status", "compressed");
    return node;
  }

  private static ObjectNode cache(CacheScales scales) {
    if (!scales.format().equals("FP8")) {
      throw new ConfigException("compressed-tensors holds FP8 caches only, not " + scales.format());
    }
    return JsonText.object()
        .put("num_bits", 8)
        .put("type", "float")
        .put("symmetric", true)
        .put("strategy", "tensor")
        .put("dynamic", false);
  }

  /** Which consumers read a checkpoint with these schemes. */
  private static Set<Consumer> readers(SequencedMap<Linear, CompressedScheme> schemes) {
    Set<Consumer> readers =
        EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS);
    schemes.values().stream().distinct().forEach(scheme -> readers.retainAll(readers(scheme)));
    if (schemes.values().stream().distinct().count() > 1) {
      readers.remove(Consumer.SGLANG);
    }
    return readers;
  }

  private static Set<Consumer> readers(CompressedScheme scheme) {
    boolean inputs = scheme.inputs().isPresent();
    String strategy = scheme.weights().path("strategy").asString();
    boolean dynamic = inputs && !scheme.hasStaticInputs();
    return switch (scheme.kind()) {
      case INT, PACKED -> EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRANSFORMERS);
      case FLOAT ->
          strategy.equals("block") || (strategy.equals("channel") && dynamic)
              ? EnumSet.of(
                  Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS)
              : EnumSet.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRANSFORMERS);
      case NVFP4 ->
          inputs
              ? EnumSet.of(
                  Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS)
              : EnumSet.of(Consumer.VLLM, Consumer.TRANSFORMERS);
      case MXFP4, MXFP8 -> EnumSet.of(Consumer.VLLM, Consumer.TRANSFORMERS);
    };
  }

  /** Which consumers read which formats of weights and inputs. */
  public static SequencedMap<String, Set<Consumer>> support() {
    SequencedMap<String, Set<Consumer>> support = new LinkedHashMap<>();
    put(support, "FP8 by tensor, static inputs", QuantSpec.FP8, Optional.of(QuantSpec.FP8));
    put(
        support,
        "FP8 by row, inputs by token",
        QuantSpec.FP8_PER_CHANNEL,
        Optional.of(QuantSpec.FP8_PER_TOKEN));
    put(support, "FP8 in tiles of 128 by 128", QuantSpec.FP8_BLOCK_128X128, Optional.empty());
    put(
        support,
        "INT8 by row, inputs static or by token",
        QuantSpec.INT8_PER_CHANNEL,
        Optional.of(QuantSpec.INT8_PER_TOKEN));
    put(support, "INT8 weights", QuantSpec.INT8_PER_CHANNEL, Optional.empty());
    put(support, "INT4 weights, symmetric", QuantSpec.INT4_BLOCK_128, Optional.empty());
    put(support, "INT4 weights with zero points", QuantSpec.UINT4_BLOCK_128, Optional.empty());
    put(
        support,
        "NVFP4 weights and inputs",
        QuantSpec.NVFP4,
        Optional.of(QuantSpec.NVFP4.asDynamic()));
    put(support, "NVFP4 weights", QuantSpec.NVFP4, Optional.empty());
    put(support, "MXFP4", QuantSpec.MXFP4, Optional.empty());
    put(support, "MXFP8", QuantSpec.MXFP8, Optional.empty());
    return support;
  }

  private static void put(
      SequencedMap<String, Set<Consumer>> support,
      String title,
      QuantSpec weight,
      Optional<QuantSpec> input) {
    WeightQuantization how = WeightQuantization.of(weight, Conversion.DEFAULT, new Codes.ByRule(1));
    CompressedScheme scheme = CompressedScheme.of(how, input.map(SpecTraits::new)).orElseThrow();
    support.put(title, readers(scheme));
  }
}
