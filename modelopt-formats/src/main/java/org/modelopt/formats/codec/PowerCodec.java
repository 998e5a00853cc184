package org.modelopt.formats.codec;

/**
 * E8M0: a code c from 0 to 254 stands for {@code 2^(c - 127)}, 255 for NaN. There is no zero and no
 * sign.
 *
 * <p>Source: OCP Microscaling Formats v1.0 section 5.4.1.
 */
public final class PowerCodec {
  private static final int NAN = 255;

  private PowerCodec() {}

  /**
   * The code of the power nearest to {@code x}, the larger one halfway between two. Positive
   * numbers beyond the smallest and the largest power become them; zero, negative and infinite
   * numbers and NaN become NaN. (How a block's scale is made is another matter, see {@link
   * ScaleRules}.)
   */
  public static int encode(float x) {
    if (!(x > 0) || x == Float.POSITIVE_INFINITY) {
      return NAN;
    }
    int exponent = Math.getExponent((double) x);
    double middle = Math.scalb(1.5, exponent);
    return Math.clamp((x >= middle ? exponent + 1 : exponent) + 127, 0, 254);
  }

  /** The value of {@code code}; bits above the lowest eight are ignored. */
  public static float decode(int code) {
    int field = code & 0xFF;
    return field == NAN ? Float.NaN : (float) Math.scalb(1.0, field - 127);
  }
}
