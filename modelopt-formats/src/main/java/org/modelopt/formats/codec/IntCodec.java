package org.modelopt.formats.codec;

import org.modelopt.numeric.IntFormat;

/**
 * Codes of integers: two's complement in the format's bits, or unsigned. They count steps: where
 * the format has fraction bits, a step is {@code scale / 2^fractionBits}, otherwise the scale.
 *
 * <p>An integer k stands for {@code k - zeroPoint} steps; formats without zero point have 0.
 * Numbers beyond the format's range become its end; NaN becomes the zero point.
 */
public final class IntCodec {
  private IntCodec() {}

  /** The integer nearest to {@code steps + zeroPoint}, ties to even {@code steps}. */
  public static int encode(IntFormat format, float steps, int zeroPoint) {
    return code(format, Math.rint(steps), zeroPoint);
  }

  /**
   * One of the two integers around {@code steps + zeroPoint}, the upper if {@code u} is at least
   * one minus the distance from the lower.
   *
   * @param u uniform in [0, 1)
   */
  public static int encodeStochastic(IntFormat format, float steps, int zeroPoint, double u) {
    return code(format, Math.floor(steps + u), zeroPoint);
  }

  private static int code(IntFormat format, double whole, int zeroPoint) {
    double shifted = Double.isNaN(whole) ? zeroPoint : whole + zeroPoint;
    int integer = (int) Math.clamp(shifted, format.min(), format.max());
    return integer & mask(format);
  }

  /** Steps that {@code code} stands for; bits above the format's width are ignored. */
  public static int decode(IntFormat format, int code, int zeroPoint) {
    int field = code & mask(format);
    boolean negative =
        format.range() != IntFormat.Range.UNSIGNED && field >>> (format.bits() - 1) != 0;
    return (negative ? field - (1 << format.bits()) : field) - zeroPoint;
  }

  private static int mask(IntFormat format) {
    return (1 << format.bits()) - 1;
  }
}
