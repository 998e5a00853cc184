package org.modelopt.quantize;

import org.modelopt.statistics.Statistics;

/** Turns what was seen of an activation into the magnitude that its format's range should cover. */
@FunctionalInterface
public interface Calibrator {
  /** The largest magnitude seen: nothing saturates, outliers widen every step. */
  Calibrator MAX = Statistics::amax;

  /**
   * The magnitude (amax) to cover, per tensor.
   *
   * @return finite and not negative, or NaN or infinity if such values were seen
   */
  float amax(Statistics statistics);
}
