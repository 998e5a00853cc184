package org.modelopt.export.verify.value;

import java.util.Optional;

/**
 * What the comparison of one tensor came to: nothing, a score, or a difference.
 *
 * @param score how a weight compares
 * @param difference what is wrong with a tensor that should be as it was
 */
record Outcome(Optional<WeightScore> score, Optional<String> difference) {
  /** Not compared, or nothing to say. */
  static final Outcome SKIPPED = new Outcome(Optional.empty(), Optional.empty());

  static Outcome of(WeightScore score) {
    return new Outcome(Optional.of(score), Optional.empty());
  }

  static Outcome ofDifference(Optional<String> difference) {
    return new Outcome(Optional.empty(), difference);
  }

  boolean isBad() {
    return difference.isPresent() || score.flatMap(WeightScore::problem).isPresent();
  }
}
