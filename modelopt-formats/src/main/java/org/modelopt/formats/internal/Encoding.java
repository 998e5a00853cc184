package org.modelopt.formats.internal;

import java.util.List;
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
 */
public final class Encoding {
  /** Treatment of ties and of zero. */
  public enum Variant {
    /** Ties to the even code; zero keeps its sign. */
    STANDARD,
    /** Ties to even; negative zero becomes zero. */
    POSITIVE_ZERO,
    /** Ties to the smaller magnitude; zero becomes negative zero. */
    TIES_TOWARD_ZERO
  }

  private final NumberFormat format;
  private final Variant variant;
  private final boolean powerOfTwoScales;
  private final float[] levels;

  private Encoding(NumberFormat format, Variant variant, boolean powerOfTwoScales) {
    this.format = format;
    this.variant = variant;
    this.powerOfTwoScales = powerOfTwoScales;
    List<Float> listed = format instanceof CodebookFormat f ? f.levels() : List.of();
    this.levels = new float[listed.size()];
    for (int code = 0; code < levels.length; code++) {
      levels[code] = listed.get(code);
    }
  }

  /** The encoding of a spec under some arithmetic. */
  public static Encoding of(QuantSpec spec, Arithmetic arithmetic) {
    boolean powers = spec.scaleFormat() == ScaleFormat.E8M0;
    boolean reference = arithmetic != Arithmetic.FLOAT32 && spec.format().equals(FloatFormat.E2M1);
    Variant variant =
        !reference ? Variant.STANDARD : powers ? Variant.TIES_TOWARD_ZERO : Variant.POSITIVE_ZERO;
    return new Encoding(spec.format(), variant, powers);
  }

  /** The format. */
  public NumberFormat format() {
    return format;
  }

  /** Treatment of ties and of zero. */
  public Variant variant() {
    return variant;
  }

  /** Whether all scales are powers of two, so that a quotient is a product with the reciprocal. */
  public boolean powerOfTwoScales() {
    return powerOfTwoScales;
  }

  /** The levels of a codebook; otherwise empty. */
  float[] levels() {
    return levels;
  }

  /** Factor between a scale and the divisor of elements: 1, or a step of a fixed-point format. */
  public float stepsPerScale() {
    return format instanceof IntFormat ints ? Math.scalb(1f, -ints.fractionBits()) : 1f;
  }

  /** Whether codes of x and -x differ in their sign only, and NaN has no part in it. */
  boolean isSymmetric() {
    return switch (format) {
      case FloatFormat _ -> true;
      case IntFormat f -> f.range() != IntFormat.Range.UNSIGNED;
      case CodebookFormat _ -> false;
    };
  }

  /** Quotients of at least this magnitude would be rounded beyond the last code. */
  float overflow() {
    float max = format.maxFinite();
    return switch (format) {
      case FloatFormat f -> max + Math.scalb(.5f, Math.getExponent(max) - f.mantissaBits());
      case IntFormat f -> f.max() + .5f;
      case CodebookFormat _ -> max;
    };
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
