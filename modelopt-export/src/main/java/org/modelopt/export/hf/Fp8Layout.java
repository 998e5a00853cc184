package org.modelopt.export.hf;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/**
 * FP8 with one scale per tensor: {@code weight} F8_E4M3 {@code [out, in]}, {@code weight_scale} and
 * {@code input_scale} F32 {@code []}; a weight stands for code times weight_scale, an input is
 * divided by input_scale before it is rounded.
 */
final class Fp8Layout implements LinearLayout {
  @Override
  public String quantAlgo() {
    return "FP8";
  }

  @Override
  public boolean fits(WeightQuantization weight, Optional<Quantization> input) {
    return weight.spec().equals(QuantSpec.FP8)
        && input.map(Quantization::spec).filter(QuantSpec.FP8::equals).isPresent();
  }

  @Override
  public List<OutputTensor> tensors(
      Linear linear, WeightQuantization weight, Optional<Quantization> input) {
    List<OutputTensor> tensors = new ArrayList<>();
    tensors.add(
        new OutputTensor(
            new TensorInfo(
                linear.name() + ".weight",
                DType.F8_E4M3,
                Shape.of(linear.outFeatures(), linear.inFeatures())),
            (arena, encoder) -> encoder.form(linear, arena).codes().codes()));
    tensors.add(
        new OutputTensor(
            new TensorInfo(linear.name() + ".weight_scale", DType.F32, Shape.scalar()),
            (arena, encoder) -> encoder.form(linear, arena).codes().scales().values()));
    input.ifPresent(quantization ->
        tensors.add(
            OutputTensor.scalar(
                linear.name() + ".input_scale", quantization.scales().values().getFloat(0))));
    return tensors;
  }
}
