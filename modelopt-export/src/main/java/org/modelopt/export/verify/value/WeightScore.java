package org.modelopt.export.verify.value;

import java.util.Optional;

/**
 * How an exported weight compares with the original.
 *
 * @param relative ‖export − original‖ / ‖original‖
 * @param max largest absolute difference
 * @param bound largest {@code relative} that the format explains
 * @param problem the first thing that is wrong, if anything is
 */
public record WeightScore(double relative, double max, double bound, Optional<Problem> problem) {
  /**
   * What is wrong with a weight.
   *
   * @param kind what kind of damage it looks like
   * @param expected what the format explains
   * @param found what was measured
   */
  public record Problem(Kind kind, String expected, String found) {}

  /** A copy in which something else is wrong. */
  public WeightScore withProblem(Problem other) {
    return new WeightScore(relative, max, bound, Optional.of(other));
  }

  /** Kinds of damage, which hint at the cause. */
  public enum Kind {
    /** Some values are NaN or infinite. */
    NOT_FINITE,
    /** The whole is too far off: wrong codes, scales or orientation. */
    ERROR,
    /** All values are too large or too small by the same factor. */
    SLOPE,
    /** All codes are off by the same amount: a wrong zero point. */
    OFFSET,
    /** Some rows or groups of columns are far off while the rest is fine. */
    LOCAL,
    /** Factors of the rows of the layer before are not those of the columns. */
    FOLDED
  }

  /** Signal to noise in decibel; infinite if equal. */
  public double sqnrDecibel() {
    return relative == 0 ? Double.POSITIVE_INFINITY : -20 * Math.log10(relative);
  }
}
