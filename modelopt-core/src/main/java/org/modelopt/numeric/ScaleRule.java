package org.modelopt.numeric;

/**
 * How a scale follows from the largest magnitude (amax) of the elements that share it. Tools that
 * say "MXFP4" differ in this; a spec therefore names its rule.
 */
public enum ScaleRule {
  /** {@code amax / maxFinite} in float32. */
  AMAX_OVER_MAX,
  /** E8M0: {@code 2^(floor(log2 amax) - emax)}, OCP Microscaling Formats v1.0 section 6.3. */
  POWER_FLOOR,
  /** E8M0: {@code 2^(ceil(log2(amax / maxFinite)))}: never saturates; cuBLAS and the reference. */
  POWER_ROUND_UP
}
