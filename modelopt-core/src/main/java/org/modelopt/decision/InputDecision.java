package org.modelopt.decision;

import java.util.Optional;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Rotation;

/**
 * What happens to the input of a linear at run time: scaled, rotated, quantized, in this order;
 * each where present. What could be folded into earlier parameters does not appear.
 *
 * @param preScale "pre-quant scale": factors {@code [in]} in the model's type that the input is
 *     multiplied by
 * @param rotation rotation of the channels
 * @param quantization the format
 */
public record InputDecision(
    Optional<Tensor> preScale, Optional<Rotation> rotation, Optional<Quantization> quantization) {
  /** Quantization alone. */
  public static InputDecision of(Quantization quantization) {
    return new InputDecision(Optional.empty(), Optional.empty(), Optional.of(quantization));
  }
}
