package org.modelopt.compute.cpu;

/** Conversion between float32 and bfloat16 bit patterns. */
final class Bfloat16 {
  /** The pattern that stands for every NaN. */
  static final int NAN = 0x7FC0;

  private Bfloat16() {}

  /** The pattern nearest to {@code value}, ties to even; overflow gives infinity, NaN 0x7FC0. */
  static short encode(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7FFF_FFFF) > 0x7F80_0000) {
      return (short) NAN;
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The value of a pattern, exact. */
  static float decode(short pattern) {
    return Float.intBitsToFloat(pattern << 16);
  }

  /** {@code value} rounded to the nearest bfloat16. */
  static float round(float value) {
    return decode(encode(value));
  }
}
