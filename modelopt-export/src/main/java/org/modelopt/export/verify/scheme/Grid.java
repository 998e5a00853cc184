package org.modelopt.export.verify.scheme;

/**
 * The values that codes stand for, relative to their scale: what rounding error a format explains.
 *
 * @param limit largest magnitude
 * @param mantissaBits bits after the leading one; -1 for evenly spaced values
 * @param minExponent exponent of the smallest normal value
 * @param powerOfTwoScales whether scales are powers of two
 * @param floor relative error below which an export is never blamed
 */
public record Grid(
    double limit, int mantissaBits, int minExponent, boolean powerOfTwoScales, double floor) {
  /** E4M3 with float32 scales. */
  public static final Grid E4M3 = new Grid(448, 3, -6, false, 0.03);

  /** E4M3 with power-of-two scales. */
  public static final Grid E4M3_POWER_OF_TWO = new Grid(448, 3, -6, true, 0.03);

  /** E2M1 with fine scales. */
  public static final Grid E2M1 = new Grid(6, 1, 0, false, 0.1);

  /** E2M1 with power-of-two scales. */
  public static final Grid E2M1_POWER_OF_TWO = new Grid(6, 1, 0, true, 0.1);

  /** Evenly spaced integers from -levels to levels; halves stand for a free zero point. */
  public static Grid integers(double levels) {
    return new Grid(levels, -1, 0, false, 0.75 / levels);
  }

  /** The scale that plain calibration by the maximum would choose for a tile. */
  public double scale(double amax) {
    double scale = Math.max(amax, 1e-30) / limit;
    if (!powerOfTwoScales) {
      return scale;
    }
    int exponent = Math.getExponent(scale);
    double power = Math.scalb(1.0, exponent);
    return power < scale ? power * 2 : power;
  }

  /** {@code value / scale} rounded to the nearest value of this grid, saturating, times scale. */
  public double round(double value, double scale) {
    double x = value / scale;
    int step = mantissaBits < 0 ? 0 : Math.max(Math.getExponent(x), minExponent) - mantissaBits;
    // Adding and subtracting 1.5 * 2^(52 + step) leaves x rounded to a multiple of 2^step, ties to
    // even: the sum has no bits for smaller parts.
    double shift = 1.5 * Double.longBitsToDouble((long) (step + 52 + 1023) << 52);
    return Math.clamp(x + shift - shift, -limit, limit) * scale;
  }
}
