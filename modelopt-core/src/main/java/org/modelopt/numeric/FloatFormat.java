package org.modelopt.numeric;

/**
 * A small binary floating-point format: sign, exponent and mantissa fields, subnormals, and either
 * IEEE special values, only NaN, or none.
 *
 * <p>Source: OCP Microscaling Formats v1.0 section 5.3; OCP 8-bit Floating Point Specification.
 *
 * @param name name as users know it
 * @param exponentBits width of the exponent field
 * @param mantissaBits width of the mantissa field
 * @param bias exponent bias
 * @param maxFinite largest finite value
 * @param specials which codes are not finite numbers
 */
public record FloatFormat(
    String name, int exponentBits, int mantissaBits, int bias, float maxFinite, Specials specials)
    implements NumberFormat {
  /** Codes of a float format that are not finite numbers. */
  public enum Specials {
    /** Every code is a finite number. */
    NONE,
    /** All exponent and mantissa bits set is NaN; there are no infinities. */
    NAN_ONLY,
    /** All exponent bits set is infinity (mantissa zero) or NaN. */
    IEEE
  }

  /** FP8 with 4 exponent and 3 mantissa bits, "FN": largest 448, NaN 0x7F and 0xFF, no infinity. */
  public static final FloatFormat E4M3 = new FloatFormat("E4M3", 4, 3, 7, 448f, Specials.NAN_ONLY);

  /** FP8 with 5 exponent and 2 mantissa bits: largest 57344, IEEE infinities and NaN. */
  public static final FloatFormat E5M2 = new FloatFormat("E5M2", 5, 2, 15, 57344f, Specials.IEEE);

  /** FP6 with 3 exponent and 2 mantissa bits: largest 28. */
  public static final FloatFormat E3M2 = new FloatFormat("E3M2", 3, 2, 3, 28f, Specials.NONE);

  /** FP6 with 2 exponent and 3 mantissa bits: largest 7.5. */
  public static final FloatFormat E2M3 = new FloatFormat("E2M3", 2, 3, 1, 7.5f, Specials.NONE);

  /** FP4: largest 6, magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6. */
  public static final FloatFormat E2M1 = new FloatFormat("E2M1", 2, 1, 1, 6f, Specials.NONE);

  @Override
  public int bits() {
    return 1 + exponentBits + mantissaBits;
  }
}
