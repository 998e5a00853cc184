package org.modelopt.decision;

/** Where the codes of a weight come from when it is written or simulated. */
public sealed interface Codes {
  /**
   * Scales by the spec's rule from the (changed) weight, then the nearest codes: nothing is kept.
   *
   * @param globalScale float32 factor of all scales, 1 where the format has none
   */
  record ByRule(float globalScale) implements Codes {}

  /**
   * The nearest codes of the (changed) weight under these scales.
   *
   * @param scales what was found
   */
  record GivenScales(StoredScales scales) implements Codes {}

  /**
   * These codes.
   *
   * @param codes as {@code QuantizedTensor.codes()}
   * @param scales theirs
   */
  record Given(StoredTensor codes, StoredScales scales) implements Codes {}
}
