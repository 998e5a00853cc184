package org.modelopt.numeric;

/**
 * Integers of 2 to 8 bits.
 *
 * @param bits width of a code
 * @param range which integers are used
 */
public record IntFormat(int bits, Range range) implements NumberFormat {
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

  /** Checks the width. */
  public IntFormat {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("integer formats have 2 to 8 bits, not " + bits);
    }
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

  @Override
  public float maxFinite() {
    return max();
  }
}
