package org.modelopt.export.integer;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.Set;
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
import tools.jackson.databind.node.ObjectNode;

/**
 * AutoAWQ's {@code gemm} version: {@code qweight} I32 {@code [in, out / 8]}, {@code qzeros} I32
 * {@code [groups, out / 8]}, {@code scales} F16 {@code [groups, out]}.
 */
public record AutoAwqTarget() implements Target {
  @Override
  public String id() {
    return "autoawq";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    IntegerWeights weights = IntegerWeights.of(subject, "AutoAWQ", Set.of(4));
    SequencedMap<Linear, LinearLayout> layouts = new LinkedHashMap<>();
    for (Linear linear : weights.linears()) {
      layouts.put(linear, layout(linear, weights.spec(linear), weights.symmetric()));
    }
    ObjectNode quantization = JsonText.object();
    quantization.put("bits", 4).put("group_size", weights.group());
    quantization.set("modules_to_not_convert", JsonText.array(subject.unquantizedLinears()));
    quantization.put("quant_method", "awq").put("version", "gemm").put("zero_point", true);
    return HfPlan.of(subject, "AutoAWQ " + weights.title(), weights.decisions(), layouts)
        .withConfig(quantization)
        .build(Set.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRANSFORMERS));
  }

  private static LinearLayout layout(Linear linear, QuantSpec spec, boolean symmetric) {
    long groups = LinearTensors.groups(linear, spec);
    return LinearLayout.of(
        LinearTensors.packed("qweight", linear, spec, Packings.AWQ_GEMM, symmetric, DType.I32),
        new LinearTensor(
            "qzeros",
            DType.I32,
            Packings.AWQ_GEMM.shape(linear.outFeatures(), groups, 4),
            (form, pass, arena) ->
                Packings.AWQ_GEMM.pack(
                    Codes.ofIntegers(LinearTensors.zeroPoints(form, arena), 4, 0, arena), arena)),
        LinearTensors.transposedScales("scales", linear, spec, DType.F16));
  }
}
