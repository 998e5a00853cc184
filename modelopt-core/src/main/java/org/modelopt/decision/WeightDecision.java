package org.modelopt.decision;

import java.util.List;
import java.util.Optional;
import org.modelopt.transform.Change;

/**
 * What becomes of the weight of a linear: changes in their order, then the branch is subtracted,
 * then what is left is quantized. {@link Change.ScaleRows} and {@link Change.RotateRows} change the
 * bias too.
 *
 * @param changes often none
 * @param quantization empty for a linear that keeps its type
 * @param branch a product of low rank that is kept beside the codes; the codes stand for the
 *     changed weight minus {@code up * down}
 */
public record WeightDecision(
    List<Change> changes,
    Optional<WeightQuantization> quantization,
    Optional<LowRankBranch> branch) {
  /** Copies the list. */
  public WeightDecision {
    changes = List.copyOf(changes);
  }

  /** A quantization of the weight as it is. */
  public static WeightDecision of(WeightQuantization quantization) {
    return new WeightDecision(List.of(), Optional.of(quantization), Optional.empty());
  }
}
