package org.modelopt.numeric;

/**
 * The choices of a conversion that are no part of the format: files made with different ones are
 * read the same way.
 *
 * @param arithmetic operations by which scales and quotients are computed
 * @param rounding which neighbouring code a value becomes
 * @param nonFinite what becomes of NaN and infinities
 */
public record Conversion(Arithmetic arithmetic, Rounding rounding, NonFinite nonFinite) {
  /** Codes nearest to the float32 quotient; NaN and infinities are refused. */
  public static final Conversion DEFAULT =
      new Conversion(Arithmetic.FLOAT32, Rounding.nearestEven(), NonFinite.ERROR);

  /** A copy with other arithmetic. */
  public Conversion withArithmetic(Arithmetic newArithmetic) {
    return new Conversion(newArithmetic, rounding, nonFinite);
  }

  /** A copy with another rounding. */
  public Conversion withRounding(Rounding newRounding) {
    return new Conversion(arithmetic, newRounding, nonFinite);
  }

  /** A copy with another treatment of NaN and infinities. */
  public Conversion withNonFinite(NonFinite newNonFinite) {
    return new Conversion(arithmetic, rounding, newNonFinite);
  }
}
