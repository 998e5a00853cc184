package org.modelopt.numeric;

/**
 * The choices of a conversion that are no part of the format: files made with different ones are
 * read the same way.
 *
 * @param arithmetic operations by which scales and quotients are computed
 * @param nonFinite what becomes of NaN and infinities
 */
public record Conversion(Arithmetic arithmetic, NonFinite nonFinite) {
  /** Codes nearest to the float32 quotient; NaN and infinities are refused. */
  public static final Conversion DEFAULT = new Conversion(Arithmetic.FLOAT32, NonFinite.ERROR);

  /** A copy with other arithmetic. */
  public Conversion withArithmetic(Arithmetic newArithmetic) {
    return new Conversion(newArithmetic, nonFinite);
  }

  /** A copy with another treatment of NaN and infinities. */
  public Conversion withNonFinite(NonFinite newNonFinite) {
    return new Conversion(arithmetic, newNonFinite);
  }
}
