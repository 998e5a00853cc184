package org.modelopt.job;

import java.util.Optional;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.Tensor;

/**
 * A linear as it is to be written or simulated; everything is applied that was decided. Memory
 * belongs to the arena that was given.
 *
 * @param weight codes or values
 * @param bias {@code [out]} in its stored type, if the linear has one
 * @param branch the product of low rank that is added, if any
 * @param input what happens to the input at run time, if anything
 */
public record LinearForm(
    Weight weight, Optional<Tensor> bias, Optional<Branch> branch, Optional<InputDecision> input) {
  /** The weight of a linear. */
  public sealed interface Weight {}

  /**
   * A weight that keeps its type.
   *
   * @param tensor {@code [out, in]} in the stored type, or F32 where the source holds codes
   */
  public record Plain(Tensor tensor) implements Weight {}

  /**
   * A quantized weight.
   *
   * @param tensor codes and scales
   * @param second a per-tensor quantization of what the codes stand for, if any
   */
  public record Quantized(QuantizedTensor tensor, Optional<Quantization> second)
      implements Weight {}

  /**
   * {@code y += (x downᵀ) upᵀ}, x scaled and not quantized.
   *
   * @param down {@code [rank, in]}
   * @param up {@code [out, rank]}
   */
  public record Branch(Tensor down, Tensor up) {}

  /**
   * The codes.
   *
   * @throws IllegalStateException if the weight is not quantized
   */
  public QuantizedTensor codes() {
    return switch (weight) {
      case Quantized(QuantizedTensor tensor, _) -> tensor;
      case Plain(Tensor tensor) ->
          throw new IllegalStateException("the weight is not quantized: " + tensor);
    };
  }

  /**
   * The weight of a linear that is not quantized.
   *
   * @throws IllegalStateException if it is
   */
  public Tensor plain() {
    return switch (weight) {
      case Plain(Tensor tensor) -> tensor;
      case Quantized(QuantizedTensor tensor, _) ->
          throw new IllegalStateException("the weight is quantized: " + tensor.spec());
    };
  }
}
