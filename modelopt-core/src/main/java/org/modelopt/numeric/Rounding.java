package org.modelopt.numeric;

/** Which of the two neighbouring codes a value between them becomes. */
public sealed interface Rounding {
  /** The nearer one; halfway between them, the one whose lowest bit is 0. */
  record NearestEven() implements Rounding {}

  /**
   * The upper one with a probability equal to the distance from the lower one, so that the expected
   * value is exact. The random number of an element is a function of the seed and of the element's
   * index in its matrix alone: the same seed gives the same codes.
   *
   * @param seed distinguishes draws
   */
  record Stochastic(long seed) implements Rounding {}

  /** To the nearest code, ties to even. */
  static Rounding nearestEven() {
    return new NearestEven();
  }

  /** Up or down at random, unbiased. */
  static Rounding stochastic(long seed) {
    return new Stochastic(seed);
  }
}
