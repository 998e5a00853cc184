package org.modelopt.formats.internal;

import org.modelopt.formats.codec.FloatCodec;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;

/**
 * How quotients become codes: a format and, for 4-bit floats, the variant that the arithmetic asks
 * for.
 *
 * @param format the format
 * @param variant treatment of ties and of zero
 * @param powerOfTwoScales whether all scales are powers of two, so that a quotient is a product
 *     with the reciprocal
 */
public record Encoding(NumberFormat format, Variant variant, boolean powerOfTwoScales) {
  /** Treatment of ties and of zero. */
  public enum Variant {
    /** Ties to the even code; zero keeps its sign. */
    STANDARD,
    /** Ties to even; negative zero becomes zero. */
    POSITIVE_ZERO,
    /** Ties to the smaller magnitude; zero becomes negative zero. */
    TIES_TOWARD_ZERO
  }

  /** The encoding of a spec under some arithmetic. */
  public static Encoding of(QuantSpec spec, Arithmetic arithmetic) {
    boolean powers = spec.scaleFormat() == ScaleFormat.E8M0;
    boolean reference = arithmetic != Arithmetic.FLOAT32 && spec.format().equals(FloatFormat.E2M1);
    Variant variant =
        !reference ? Variant.STANDARD : powers ? Variant.TIES_TOWARD_ZERO : Variant.POSITIVE_ZERO;
    return new Encoding(spec.format(), variant, powers);
  }

  /** Factor between a scale and the divisor of elements: 1, or a step of a fixed-point format. */
  public float stepsPerScale() {
    return format instanceof IntFormat ints ? Math.scalb(1f, -ints.fractionBits()) : 1f;
  }

  /** Largest magnitude that a code stands for before it is multiplied by a divisor. */
  public float largestMagnitude() {
    return switch (format) {
      case FloatFormat f -> f.maxFinite();
      case IntFormat f -> 1 << f.bits();
      case CodebookFormat f -> f.maxFinite();
    };
  }

  /** Codes from this on, with the sign bit masked off, are not finite; 256 if all are. */
  public int firstSpecialCode() {
    return format instanceof FloatFormat f && f.specials() != FloatFormat.Specials.NONE
        ? FloatCodec.maxCode(f) + 1
        : 256;
  }
}
