package org.modelopt.export.integer;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.error.ConfigException;
import org.modelopt.export.hf.HfPlan;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.hf.LinearLayout;
import org.modelopt.export.hf.LinearTensor;
import org.modelopt.export.hf.LinearTensors;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.formats.packing.Packings;
import org.modelopt.job.LinearForm;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import tools.jackson.databind.node.ObjectNode;

/**
 * llm-awq, which TinyChat and gptqmodel read: {@code qweight} I16 {@code [out / 4, in]}, {@code
 * scales} and {@code scaled_zeros} F16 {@code [padded groups, out]}, the latter {@code -scale *
 * zero point}.
 */
public record LlmAwqTarget() implements Target {
  @Override
  public String id() {
    return "llm-awq";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    IntegerWeights weights = IntegerWeights.of(subject, "llm-awq", Set.of(4));
    SequencedMap<Linear, LinearLayout> layouts = new LinkedHashMap<>();
    for (Linear linear : weights.linears()) {
      if (linear.outFeatures() % 4 != 0 || linear.inFeatures() % 64 != 0) {
        throw new ConfigException(
            "%s: llm-awq needs a multiple of 4 rows and 64 columns, not %d by %d; exclude it"
                .formatted(linear.name(), linear.outFeatures(), linear.inFeatures()));
      }
      layouts.put(linear, layout(linear, weights.spec(linear), weights));
    }
    ObjectNode quantization = JsonText.object();
    quantization.put("bits", 4).put("group_size", weights.group());
    quantization.set("modules_to_not_convert", JsonText.array(subject.unquantizedLinears()));
    quantization.put("quant_method", "awq").put("version", "llm-awq").put("zero_point", true);
    return HfPlan.of(subject, "llm-awq " + weights.title(), weights.decisions(), layouts)
        .withConfig(quantization)
        .build(Set.of());
  }

  private static LinearLayout layout(Linear linear, QuantSpec spec, IntegerWeights weights) {
    long groups = LinearTensors.groups(linear, spec);
    Shape shape = Shape.of(paddedGroups(groups, weights.group()), linear.outFeatures());
    return LinearLayout.of(
        LinearTensors.packed(
            "qweight", linear, spec, Packings.LLM_AWQ, weights.symmetric(), DType.I16),
        new LinearTensor(
            "scales", DType.F16, shape, (form, pass, arena) -> scales(form, shape, false, arena)),
        new LinearTensor(
            "scaled_zeros",
            DType.F16,
            shape,
            (form, pass, arena) -> scales(form, shape, true, arena)));
  }

  /** Rows of scales: eight for each word of zero points that the gemv kernels would have. */
  static long paddedGroups(long groups, int group) {
    int multiple = group < 0 || group >= 128 ? 1 : group == 64 ? 2 : 4;
    long words = Math.ceilDiv(groups, 8L);
    return Math.ceilDiv(words, (long) multiple) * multiple * 8;
  }

  private static Tensor scales(LinearForm form, Shape shape, boolean zeros, Arena arena) {
    Tensor values = form.codes().scales().values();
    Tensor points = LinearTensors.zeroPoints(form, arena);
    long rows = shape.dim(1);
    long groups = values.shape().elements() / rows;
    Tensor into = Tensor.allocate(arena, DType.F16, shape);
    MemorySegment bytes = into.segment();
    for (long r = 0; r < rows; r++) {
      for (long g = 0; g < groups; g++) {
        float scale = values.getFloat(r * groups + g);
        float value = zeros ? -scale * points.getFloat(r * groups + g) : scale;
        bytes.set(Tensor.SHORT, 2 * (g * rows + r), Float.floatToFloat16(value));
      }
    }
    return into;
  }
}
