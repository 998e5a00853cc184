package org.modelopt.formats.internal;

import org.modelopt.numeric.FloatFormat;

/**
 * A small float format as constants for integer arithmetic on the bits of float32.
 *
 * <p>Rounding. Let {@code e} be the exponent field of a magnitude a, at least that of the smallest
 * normal value, in place, and {@code C} the float {@code 1.5 * 2^23} steps of the format at that
 * exponent. Then {@code a + C}, which the processor rounds to nearest even, is a multiple of the
 * step: its low bits count steps, with the parity of the code, so that ties go to the even code.
 * Adding {@code e >> (23 - M)} to the bits gives the code, if C also contains minus the smallest
 * exponent.
 *
 * <p>Decoding. The fields shifted into those of a float32 and rebiased give the value, but for
 * subnormal codes, where {@code f = 2^-bias (1 + m / 2^M)} stands for {@code 2^(1-bias) m / 2^M = f
 * + (f - 2^(1-bias))}. The parenthesis is negative exactly for them.
 *
 * @param maxBits bits of the largest finite value
 * @param minExponent bits of the smallest normal value
 * @param roundingBits what is added to e to give the bits of C
 * @param plainRoundingBits what is added to e to give the bits of {@code 2^23} steps
 * @param shift {@code 23 - M}
 * @param bias what is added to shifted fields
 * @param signShift distance from a code's sign bit to a float's
 * @param magnitudeMask all bits of a code but the sign
 * @param signMask the sign bit of a code
 */
record FloatConstants(
    int maxBits,
    int minExponent,
    int roundingBits,
    int plainRoundingBits,
    int shift,
    int bias,
    int signShift,
    int magnitudeMask,
    int signMask) {
  /** Binary16 as far as its finite values go. */
  static final FloatConstants F16 = of(5, 10, 15, 65504f);

  /** C where e is 1; elsewhere C is a multiple of it. */
  float rounder() {
    return Float.intBitsToFloat((127 << 23) + roundingBits);
  }

  static FloatConstants of(FloatFormat format) {
    return of(format.exponentBits(), format.mantissaBits(), format.bias(), format.maxFinite());
  }

  private static FloatConstants of(int exponentBits, int mantissaBits, int bias, float max) {
    int bits = 1 + exponentBits + mantissaBits;
    int minField = 127 + 1 - bias;
    int steps = (23 - mantissaBits) << 23;
    return new FloatConstants(
        Float.floatToRawIntBits(max),
        minField << 23,
        steps + (1 << 22) - (minField << mantissaBits),
        steps,
        23 - mantissaBits,
        (127 - bias) << 23,
        32 - bits,
        (1 << (bits - 1)) - 1,
        1 << (bits - 1));
  }
}
