package org.modelopt.config;

import java.util.Optional;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.TensorInfo;

/**
 * What a plan does to the size of a model's tensors.
 *
 * @param bytesBefore all tensors as stored
 * @param bytesAfter all tensors with the weights of quantized linears as codes and scales; what an
 *     export adds beyond that (padding, headers) is not in it
 * @param effectiveBits mean bits per weight of all linears afterwards, scales included; 0 without
 *     linears
 */
public record PlanSize(long bytesBefore, long bytesAfter, double effectiveBits) {
  private static final int INPUT_SCALE_BYTES = 4;

  /** The size of {@code model} before and after {@code plan}. */
  public static PlanSize of(Model model, Plan plan) {
    long before = model.tensors().tensors().stream().mapToLong(TensorInfo::byteSize).sum();
    long after = before;
    double bits = 0;
    long elements = 0;
    for (PlannedLinear planned : plan.linears()) {
      long stored = bytesBefore(model, planned.linear());
      long kept = bytesAfter(model, planned);
      if (planned.weight().isPresent()) {
        after += kept - stored;
      }
      bits += 8.0 * kept;
      elements += planned.linear().elements();
    }
    return new PlanSize(before, after, elements == 0 ? 0 : bits / elements);
  }

  /** Bytes of the weight of {@code linear} as stored. */
  public static long bytesBefore(Model model, Linear linear) {
    return model.tensors().find(linear.weightName()).map(TensorInfo::byteSize).orElse(0L);
  }

  /** Bytes of the weight of a linear afterwards: its codes, its scales and that of its input. */
  public static long bytesAfter(Model model, PlannedLinear planned) {
    Linear linear = planned.linear();
    Optional<QuantSpec> weight = planned.weight();
    if (weight.isEmpty()) {
      return bytesBefore(model, linear);
    }
    double bits = weight.get().bitsPerElement(linear.inFeatures()) * linear.elements();
    long perTensor = weight.get().hasTensorScale() ? INPUT_SCALE_BYTES : 0;
    long input = planned.input().filter(Plan::isCalibrated).isPresent() ? INPUT_SCALE_BYTES : 0;
    return (long) Math.ceil(bits / 8) + perTensor + input;
  }
}
