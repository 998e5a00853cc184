package org.modelopt.export.unified;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.export.hf.LinearLayout;
import org.modelopt.export.hf.LinearTensor;
import org.modelopt.export.hf.LinearTensors;
import org.modelopt.formats.packing.Packings;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/**
 * What linears look like in ModelOpt's checkpoints. Every scale multiplies.
 *
 * <p>Source: NVIDIA Model-Optimizer 0.47, {@code modelopt/torch/export/quant_utils.py}.
 */
final class Layouts {
  private Layouts() {}

  static LinearLayout of(
      LinearFormat format, Linear linear, WeightDecision decision, Optional<InputDecision> input) {
    WeightQuantization how = decision.quantization().orElseThrow();
    QuantSpec spec = how.spec();
    List<LinearTensor> tensors = new ArrayList<>();
    Shape scales = spec.granularity().scaleShape(LinearTensors.shape(linear));
    switch (format.algorithm()) {
      case FP8, FP8_ROWS, INT8, INT8_WEIGHT -> {
        tensors.add(LinearTensors.codes("weight", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.F32));
      }
      case FP8_TILES -> {
        tensors.add(LinearTensors.codes("weight", linear, spec));
        Shape tiles = Shape.of(scales.dim(0), 1, scales.dim(1), 1);
        tensors.add(LinearTensors.scales("weight_scale", tiles, DType.F32));
      }
      case INT4, INT4_FP8 -> {
        tensors.add(
            LinearTensors.packed("weight", linear, spec, Packings.ROW_PAIRS, false, DType.U8));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.F32));
      }
      case NVFP4, NVFP4_SCALED, NVFP4_BRANCHED, NVFP4_WEIGHT, NVFP4_FP8 -> {
        tensors.add(LinearTensors.codes("weight", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.F8_E4M3));
        tensors.add(LinearTensors.globalScale("weight_scale_2", Shape.scalar()));
      }
      case MXFP4, MXFP4_BOTH, MXFP4_FP8, MXFP8 -> {
        tensors.add(LinearTensors.codes("weight", linear, spec));
        tensors.add(LinearTensors.scales("weight_scale", scales, DType.U8));
      }
    }
    how.second().ifPresent(second -> tensors.add(scalar("weight_scale_2", scale(second))));
    input
        .flatMap(InputDecision::quantization)
        .filter(quantization -> !isComputedAtRunTime(quantization))
        .ifPresent(quantization -> tensors.add(scalar("input_scale", scale(quantization))));
    input
        .flatMap(InputDecision::preScale)
        .ifPresent(factors -> tensors.add(LinearTensors.preScale("pre_quant_scale", factors)));
    decision.branch().ifPresent(branch -> tensors.addAll(branch(branch)));
    return new LinearLayout(tensors);
  }

  private static LinearTensor scalar(String suffix, float value) {
    return LinearTensors.number(suffix, Shape.scalar(), value);
  }

  private static boolean isComputedAtRunTime(Quantization input) {
    return input.spec().dynamic() && !input.spec().scaleFormat().hasGlobalScale();
  }

  /** The one number that is stored: the scale, or the scale of all scales. */
  private static float scale(Quantization quantization) {
    return quantization.spec().scaleFormat().hasGlobalScale()
        ? quantization.scales().globalScale()
        : quantization.scales().values().getFloat(0);
  }

  private static List<LinearTensor> branch(LowRankBranch branch) {
    return List.of(
        new LinearTensor(
            "weight_quantizer._svdquant_lora_a",
            branch.down().dtype(),
            branch.down().shape(),
            (form, pass, arena) -> form.branch().orElseThrow().down()),
        new LinearTensor(
            "weight_quantizer._svdquant_lora_b",
            branch.up().dtype(),
            branch.up().shape(),
            (form, pass, arena) -> form.branch().orElseThrow().up()));
  }
}
