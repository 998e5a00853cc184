package org.modelopt.export.integer;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.error.ConfigException;
import org.modelopt.export.hf.HfPlan;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.hf.LinearLayout;
import org.modelopt.export.hf.LinearTensor;
import org.modelopt.export.hf.LinearTensors;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.formats.packing.Codes;
import org.modelopt.formats.packing.Packings;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.version.Version;
import tools.jackson.databind.node.ObjectNode;

/**
 * GPTQ: {@code qweight} I32 {@code [in * bits / 32, out]}, {@code qzeros} I32 {@code [groups, out *
 * bits / 32]}, {@code scales} F16 {@code [groups, out]}, {@code g_idx} I32 {@code [in]}.
 *
 * <p>Groups are of neighbouring inputs, also where GPTQ went through them in the order of their
 * importance, so that {@code g_idx} counts up and {@code desc_act} is false.
 *
 * @param version2 whether zero points are stored as they are instead of less one; always done where
 *     they are not all in the middle, because version 1 cannot hold a zero point of 0
 */
public record GptqTarget(boolean version2) implements Target {
  /** The first version, which every reader knows. */
  public GptqTarget() {
    this(false);
  }

  @Override
  public String id() {
    return "gptq";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    IntegerWeights weights = IntegerWeights.of(subject, "GPTQ", Set.of(4, 8));
    boolean second = version2 || !weights.symmetric();
    int perWord = 32 / weights.bits();
    SequencedMap<Linear, LinearLayout> layouts = new LinkedHashMap<>();
    for (Linear linear : weights.linears()) {
      if (linear.outFeatures() % perWord != 0 || linear.inFeatures() % perWord != 0) {
        throw new ConfigException(
            "%s: GPTQ needs multiples of %d, not %d by %d; exclude it"
                .formatted(linear.name(), perWord, linear.outFeatures(), linear.inFeatures()));
      }
      layouts.put(linear, layout(linear, weights.spec(linear), weights, second));
    }
    ObjectNode settings = settings(subject, weights, second);
    Set<Consumer> readers = EnumSet.of(Consumer.TRANSFORMERS, Consumer.SGLANG);
    if (weights.symmetric() && !second) {
      readers.add(Consumer.VLLM);
    }
    ObjectNode inline = settings.deepCopy();
    return HfPlan.of(subject, "GPTQ " + weights.title(), weights.decisions(), layouts)
        .withConfig(inline)
        .withText("quantize_config.json", JsonText.of(settings))
        .build(readers);
  }

  private static ObjectNode settings(Subject subject, IntegerWeights weights, boolean second) {
    ObjectNode node = JsonText.object();
    node.put("bits", weights.bits());
    node.put("checkpoint_format", second ? "gptq_v2" : "gptq");
    node.put("desc_act", false);
    // What else is not quantized lies outside the decoder's layers, where no reader looks.
    ObjectNode dynamic = JsonText.object();
    for (String module : subject.unquantizedLinears()) {
      if (module.contains(".layers.")) {
        dynamic.set("-:^" + module.replace(".", "\\.") + "$", JsonText.object());
      }
    }
    if (!dynamic.isEmpty()) {
      node.set("dynamic", dynamic);
    }
    node.put("group_size", weights.group());
    node.put("lm_head", false);
    node.putObject("meta").putArray("quantizer").add("modelopt-jvm:" + Version.current());
    node.put("pack_dtype", "int32").put("quant_method", "gptq");
    node.put("static_groups", false).put("sym", weights.symmetric());
    node.put("true_sequential", true);
    return node;
  }

  private static LinearLayout layout(
      Linear linear, QuantSpec spec, IntegerWeights weights, boolean second) {
    long groups = LinearTensors.groups(linear, spec);
    int bits = weights.bits();
    int add = second ? 0 : -1;
    return LinearLayout.of(
        LinearTensors.packed(
            "qweight", linear, spec, Packings.GPTQ_WEIGHT, weights.symmetric(), DType.I32),
        new LinearTensor(
            "qzeros",
            DType.I32,
            Packings.GPTQ_ZERO_POINT.shape(linear.outFeatures(), groups, bits),
            (form, pass, arena) ->
                Packings.GPTQ_ZERO_POINT.pack(
                    Codes.ofIntegers(LinearTensors.zeroPoints(form, arena), bits, add, arena),
                    arena)),
        LinearTensors.transposedScales("scales", linear, spec, DType.F16),
        new LinearTensor(
            "g_idx",
            DType.I32,
            Shape.of(linear.inFeatures()),
            (form, pass, arena) -> {
              int[] index = new int[Math.toIntExact(linear.inFeatures())];
              for (int i = 0; i < index.length; i++) {
                index[i] = weights.group() < 0 ? 0 : i / weights.group();
              }
              return Tensor.ofInts(arena, Shape.of(index.length), index);
            }));
  }
}
