package org.modelopt.export.hf;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.SpecTraits;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.model.Linear;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code fp8} method of DeepSeek and transformers: {@code weight} F8_E4M3 {@code [out, in]} and
 * {@code weight_scale_inv} F32 {@code [ceil(out / 128), ceil(in / 128)]}, which multiplies in spite
 * of its name. Inputs are scaled in blocks of 128 as they come.
 */
public record Fp8BlockTarget() implements Target {
  private static final int TILE = 128;

  @Override
  public String id() {
    return "hf-fp8-block";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    SequencedMap<Linear, LinearLayout> layouts = new LinkedHashMap<>();
    subject
        .quantizedLinears()
        .forEach((linear, how) -> {
          SpecTraits weight = new SpecTraits(how.spec());
          Optional<SpecTraits> input = SpecTraits.ofInput(subject.input(linear));
          boolean fits =
              input.isEmpty() || input.filter(i -> i.isFp8() && i.spec().dynamic()).isPresent();
          if (!weight.isFp8() || !weight.isTiled(TILE) || !fits || how.second().isPresent()) {
            throw Subject.misfit("the export " + id(), linear, how, input);
          }
          subject.requireNothingBeside("the export " + id(), linear);
          Shape tiles = how.spec().granularity().scaleShape(LinearTensors.shape(linear));
          layouts.put(
              linear,
              LinearLayout.of(
                  LinearTensors.codes("weight", linear, how.spec()),
                  LinearTensors.scales("weight_scale_inv", tiles, DType.F32)));
        });
    Subject.requireSome(layouts.keySet(), subject.model());
    return HfPlan.of(subject, "FP8 in blocks of 128 by 128", layouts)
        .withConfig(quantization(subject.unquantizedLinears()))
        .build(
            Set.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS));
  }

  private static ObjectNode quantization(List<String> excluded) {
    ObjectNode node = JsonText.object();
    node.put("activation_scheme", "dynamic").put("fmt", "e4m3");
    node.set("modules_to_not_convert", JsonText.array(excluded));
    node.put("quant_method", "fp8");
    node.putArray("weight_block_size").add(TILE).add(TILE);
    return node;
  }
}
