package org.modelopt.formats.codec;

import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.FloatFormat.Specials;

/**
 * Codes of small floats. A code is sign, exponent and mantissa fields from the highest bit down.
 *
 * <p>Everywhere, magnitudes beyond the largest finite value, infinities included, become it; the
 * sign of zero is kept; NaN becomes the positive NaN where the format has one and zero where it has
 * none.
 *
 * <p>Source: OCP Microscaling Formats v1.0 section 5.3, OCP 8-bit Floating Point Specification.
 */
public final class FloatCodec {
  /** The sum of a magnitude in steps and this is cut to an integer by some rounding rule. */
  @FunctionalInterface
  private interface StepRounding {
    double toInteger(double steps);
  }

  private FloatCodec() {}

  /** The code nearest to {@code x}; ties go to the code with an even mantissa field. */
  public static int encode(FloatFormat format, float x) {
    return encode(format, x, Math::rint);
  }

  /** The code nearest to {@code x}; ties go to the code of smaller magnitude. */
  public static int encodeTiesTowardZero(FloatFormat format, float x) {
    return encode(format, x, steps -> Math.ceil(steps - 0.5));
  }

  /**
   * One of the two codes around {@code x}, the one of larger magnitude if {@code u} is at least one
   * minus the distance from the smaller one.
   *
   * @param u uniform in [0, 1)
   */
  public static int encodeStochastic(FloatFormat format, float x, double u) {
    return encode(format, x, steps -> Math.floor(steps + u));
  }

  private static int encode(FloatFormat format, float x, StepRounding rounding) {
    if (Float.isNaN(x)) {
      return nanCode(format);
    }
    int sign = Float.floatToRawIntBits(x) >>> 31 << (format.bits() - 1);
    if (Math.abs(x) >= format.maxFinite()) {
      return sign | maxCode(format);
    }
    // Within a binade, and below the smallest normal value, codes are equally spaced. All steps are
    // powers of two, so double arithmetic is exact but for the one rounding. A magnitude that
    // rounds
    // up to the next binade carries into the exponent field by itself.
    double magnitude = Math.abs((double) x);
    int minExponent = 1 - format.bias();
    int exponent = Math.max(Math.getExponent(magnitude), minExponent);
    double steps = Math.scalb(magnitude, format.mantissaBits() - exponent);
    int code =
        ((exponent - minExponent) << format.mantissaBits()) + (int) rounding.toInteger(steps);
    return sign | Math.min(code, maxCode(format));
  }

  /** The value of {@code code}, exactly; bits above the format's width are ignored. */
  public static float decode(FloatFormat format, int code) {
    int mantissaBits = format.mantissaBits();
    int magnitude = code & ((1 << (format.bits() - 1)) - 1);
    float sign = (code >>> (format.bits() - 1) & 1) == 0 ? 1f : -1f;
    if (magnitude > maxCode(format)) {
      boolean infinite = format.specials() == Specials.IEEE && magnitude == maxCode(format) + 1;
      return infinite ? sign * Float.POSITIVE_INFINITY : Float.NaN;
    }
    int exponentField = magnitude >>> mantissaBits;
    int mantissa = magnitude & ((1 << mantissaBits) - 1);
    int significand = exponentField == 0 ? mantissa : mantissa | 1 << mantissaBits;
    int exponent = Math.max(exponentField, 1) - format.bias() - mantissaBits;
    return sign * Math.scalb((float) significand, exponent);
  }

  /** The code of the largest finite value. */
  public static int maxCode(FloatFormat format) {
    int all = (1 << (format.bits() - 1)) - 1;
    return switch (format.specials()) {
      case NONE -> all;
      case NAN_ONLY -> all - 1;
      case IEEE -> all - (1 << format.mantissaBits());
    };
  }

  private static int nanCode(FloatFormat format) {
    return format.specials() == Specials.NONE ? 0 : (1 << (format.bits() - 1)) - 1;
  }
}
