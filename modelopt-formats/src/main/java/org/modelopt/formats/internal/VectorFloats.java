package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.OR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Small floats in lanes of float32; see {@link FloatConstants} for the arithmetic. */
final class VectorFloats {
  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final int EXPONENT = 0x7F800000;
  private static final int SIGN = 0x80000000;

  private VectorFloats() {}

  /**
   * Codes of magnitudes, in the low 22 bits of each lane; the upper bits are undefined.
   *
   * @param magnitude bits of finite or infinite floats that are not negative
   */
  static IntVector magnitudeCodes(IntVector magnitude, FloatConstants c) {
    IntVector a = magnitude.min(c.maxBits());
    IntVector e = a.lanewise(AND, EXPONENT).max(c.minExponent());
    FloatVector rounder = e.add(c.roundingBits()).reinterpretAsFloats();
    IntVector rounded = a.reinterpretAsFloats().add(rounder).reinterpretAsInts();
    return rounded.add(e.lanewise(LSHR, c.shift()));
  }

  /** Codes of quotients that are not NaN, sign included, in the low 16 bits of each lane. */
  static IntVector codes(FloatVector quotient, FloatConstants c) {
    IntVector bits = quotient.reinterpretAsInts();
    IntVector magnitude = magnitudeCodes(bits.lanewise(AND, MAGNITUDE), c);
    return magnitude.lanewise(OR, bits.lanewise(LSHR, c.signShift()).lanewise(AND, c.signMask()));
  }

  /** The representable numbers nearest to quotients that are not NaN. */
  static FloatVector rounded(FloatVector quotient, FloatConstants c) {
    IntVector bits = quotient.reinterpretAsInts();
    IntVector a = bits.lanewise(AND, MAGNITUDE).min(c.maxBits());
    IntVector e = a.lanewise(AND, EXPONENT).max(c.minExponent());
    FloatVector rounder = e.add(c.plainRoundingBits()).reinterpretAsFloats();
    IntVector magnitude = a.reinterpretAsFloats().add(rounder).sub(rounder).reinterpretAsInts();
    return magnitude.lanewise(OR, bits.lanewise(AND, SIGN)).reinterpretAsFloats();
  }

  /** Values of finite codes, sign included. */
  static FloatVector values(IntVector codes, FloatConstants c) {
    FloatVector normal =
        codes
            .lanewise(AND, c.magnitudeMask())
            .lanewise(LSHL, c.shift())
            .add(c.bias())
            .reinterpretAsFloats();
    float smallestNormal = Float.intBitsToFloat(c.minExponent());
    IntVector correction = normal.sub(smallestNormal).reinterpretAsInts().min(0);
    IntVector magnitude = normal.add(correction.reinterpretAsFloats()).reinterpretAsInts();
    IntVector sign = codes.lanewise(LSHL, c.signShift()).lanewise(AND, SIGN);
    return magnitude.lanewise(OR, sign).reinterpretAsFloats();
  }

  /** Bits of the bfloat16 nearest to finite floats, in the upper half of each lane. */
  static IntVector toBf16(FloatVector x) {
    IntVector bits = x.reinterpretAsInts();
    IntVector odd = bits.lanewise(LSHR, 16).lanewise(AND, 1);
    return bits.add(odd).add(0x7FFF).lanewise(AND, 0xFFFF0000);
  }
}
