package org.modelopt.numeric;

/**
 * Integers of 2 to 8 bits, or fixed-point numbers where some of the bits are a fraction.
 *
 * @param bits width of a code
 * @param range which integers are used
 * @param fractionBits a code k stands for {@code k / 2^fractionBits}
 */
public record IntFormat(int bits, Range range, int fractionBits) implements NumberFormat {
  /** Which of the integers of a width are used. */
  public enum Range {
    /** {@code -(2^(b-1) - 1)} to {@code 2^(b-1) - 1}, symmetric about zero. */
    NARROW,
    /** {@code -2^(b-1)} to {@code 2^(b-1) - 1}, two's complement. */
    FULL,
    /** 0 to {@code 2^b - 1}; with a zero point where values may be negative. */
    UNSIGNED
  }

  /** INT8 over -128 to 127. */
  public static final IntFormat INT8 = new IntFormat(8, Range.FULL);

  /** INT4 over -8 to 7. */
  public static final IntFormat INT4 = new IntFormat(4, Range.FULL);

  /** UINT8 over 0 to 255. */
  public static final IntFormat UINT8 = new IntFormat(8, Range.UNSIGNED);

  /** UINT4 over 0 to 15. */
  public static final IntFormat UINT4 = new IntFormat(4, Range.UNSIGNED);

  /**
   * The element of MXINT8: k / 64 for k from -127 to 127.
   *
   * <p>Source: OCP Microscaling Formats v1.0 section 5.3.4.
   */
  public static final IntFormat MX_INT8 = new IntFormat(8, Range.NARROW, 6);

  /** Checks the widths. */
  public IntFormat {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("integer formats have 2 to 8 bits, not " + bits);
    }
    if (fractionBits < 0 || fractionBits >= bits) {
      throw new IllegalArgumentException(
          "%d of %d bits cannot be a fraction".formatted(fractionBits, bits));
    }
  }

  /** Integers without fraction. */
  public IntFormat(int bits, Range range) {
    this(bits, range, 0);
  }

  @Override
  public String name() {
    return (range == Range.UNSIGNED ? "UINT" : "INT") + bits;
  }

  /** Smallest integer used. */
  public int min() {
    return switch (range) {
      case NARROW -> 1 - (1 << (bits - 1));
      case FULL -> -(1 << (bits - 1));
      case UNSIGNED -> 0;
    };
  }

  /** Largest integer used. */
  public int max() {
    return range == Range.UNSIGNED ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
  }

  /** Largest value: the largest integer over {@code 2^fractionBits}. */
  @Override
  public float maxFinite() {
    return Math.scalb((float) max(), -fractionBits);
  }
}
