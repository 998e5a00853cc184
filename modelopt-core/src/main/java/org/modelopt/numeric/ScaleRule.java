package org.modelopt.numeric;

/**
 * How a scale follows from the elements that share it, usually from their largest magnitude (amax).
 * Tools that say "MXFP4" or "INT4" differ in this; a spec therefore names its rule.
 *
 * <p>With {@code max} the largest value of the format, {@code b} its bits, {@code min x} and {@code
 * max x} the extremes of the elements. All rules compute in float32 and round the result to the
 * scale's format. Elements that are all zero, and a result of zero, give scale 1 (powers of two:
 * the smallest, 2^-127).
 */
public enum ScaleRule {
  /** {@code amax / max}. With a global scale g: {@code amax / (max * g)}. */
  AMAX_OVER_MAX,
  /**
   * Signed integers over the full range, half a step wider than {@link #AMAX_OVER_MAX}: {@code 2
   * amax / (2^b - 1)}. GPTQ and compressed-tensors.
   */
  HALF_RANGE,
  /**
   * Signed integers over the full range: {@code -v / 2^(b-1)} where v is the element of largest
   * magnitude, so that v becomes the smallest integer; the scale is negative if v is positive.
   * AutoRound.
   */
  SIGNED_MAX,
  /**
   * Unsigned integers with zero point, zero within the range: {@code scale = (max(max x, 0) -
   * min(min x, 0)) / (2^b - 1)}, {@code zero point = rint(-min(min x, 0) / scale)}. GPTQ and
   * compressed-tensors.
   */
  RANGE_WITH_ZERO,
  /**
   * Unsigned integers with zero point, zero possibly outside the range: {@code scale = max(max x -
   * min x, 1e-5) / (2^b - 1)}, {@code zero point = rint(-min x / scale)} clamped to 0 to 2^b - 1.
   * AWQ.
   */
  RANGE,
  /**
   * Power of two: {@code 2^(floor(log2 amax) - floor(log2 max))}; elements between max and the next
   * power of two saturate. OCP Microscaling Formats v1.0 section 6.3; torchao FLOOR.
   */
  POWER_FLOOR,
  /**
   * Power of two: {@link #POWER_FLOOR} after amax was rounded to the element's mantissa width, half
   * up. torchao EVEN.
   */
  POWER_EVEN,
  /** Power of two: {@code 2^(ceil(log2 amax) - floor(log2 max))}. torchao CEIL. */
  POWER_CEIL,
  /**
   * Power of two: {@code 2^ceil(log2(amax / max))}, the smallest that does not saturate. cuBLAS,
   * the reference; torchao RCEIL.
   */
  POWER_ROUND_UP,
  /**
   * E2M1 under E4M3 scales with a global scale: of {@code amax / (6 g)} and {@code amax / (4 g)}
   * the one with the smaller sum of squared errors over the block, the first on a tie. The global
   * scale is {@code amax / (6 * 256)}, so that both fit. Four Over Six (arXiv 2512.02010).
   */
  FOUR_OVER_SIX;

  /** Whether scales are powers of two. */
  public boolean isPowerOfTwo() {
    return switch (this) {
      case POWER_FLOOR, POWER_EVEN, POWER_CEIL, POWER_ROUND_UP -> true;
      case AMAX_OVER_MAX, HALF_RANGE, SIGNED_MAX, RANGE_WITH_ZERO, RANGE, FOUR_OVER_SIX -> false;
    };
  }

  /** Whether there are zero points beside the scales. */
  public boolean hasZeroPoints() {
    return this == RANGE_WITH_ZERO || this == RANGE;
  }

  /** Whether amax alone determines a scale; others need the elements. */
  public boolean dependsOnAmaxOnly() {
    return switch (this) {
      case AMAX_OVER_MAX, HALF_RANGE, POWER_FLOOR, POWER_EVEN, POWER_CEIL, POWER_ROUND_UP -> true;
      case SIGNED_MAX, RANGE_WITH_ZERO, RANGE, FOUR_OVER_SIX -> false;
    };
  }
}
