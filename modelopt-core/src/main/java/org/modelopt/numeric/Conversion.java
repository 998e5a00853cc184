package org.modelopt.numeric;

/**
 * The choices of a conversion that are no part of the format: files made with different ones are
 * read the same way.
 *
 * @param quotient precision of {@code x / scale}
 * @param nonFinite what becomes of NaN and infinities
 */
public record Conversion(Quotient quotient, NonFinite nonFinite) {
  /** Codes nearest to the float32 quotient; NaN and infinities are refused. */
  public static final Conversion DEFAULT = new Conversion(Quotient.FLOAT32, NonFinite.ERROR);

  /** A copy with another precision of the quotient. */
  public Conversion withQuotient(Quotient newQuotient) {
    return new Conversion(newQuotient, nonFinite);
  }

  /** A copy with another treatment of NaN and infinities. */
  public Conversion withNonFinite(NonFinite newNonFinite) {
    return new Conversion(quotient, newNonFinite);
  }
}
