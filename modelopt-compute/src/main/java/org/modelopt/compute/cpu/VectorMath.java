package org.modelopt.compute.cpu;

import static org.modelopt.compute.cpu.VectorShapes.FLOATS;
import static org.modelopt.compute.cpu.VectorShapes.doubles;
import static org.modelopt.compute.cpu.VectorShapes.floats;
import static org.modelopt.compute.cpu.VectorShapes.load;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** The functions of {@link FloatMath}, operation by operation, on vectors. */
final class VectorMath {
  private VectorMath() {}

  static FloatVector exp(FloatVector x) {
    FloatVector clamped = x.blend(FloatMath.EXP_LOWEST, x.lt(FloatMath.EXP_LOWEST));
    clamped =
        clamped.blend(FloatMath.EXP_HIGHEST, x.compare(VectorOperators.GT, FloatMath.EXP_HIGHEST));
    FloatVector shifted = clamped.fma(floats(FloatMath.LOG2_E), floats(FloatMath.ROUNDER));
    FloatVector n = shifted.sub(FloatMath.ROUNDER);
    FloatVector r = n.fma(floats(-FloatMath.LN2_HIGH), clamped);
    r = n.fma(floats(-FloatMath.LN2_LOW), r);
    FloatVector p = r.fma(floats(FloatMath.EXP_4), floats(FloatMath.EXP_3));
    p = r.fma(p, floats(FloatMath.EXP_2));
    p = r.fma(p, floats(FloatMath.EXP_1));
    p = r.fma(p, floats(FloatMath.EXP_0));
    p = r.mul(r).fma(p, r).add(1);
    IntVector power = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(FloatMath.ROUNDER));
    IntVector half = power.lanewise(VectorOperators.ASHR, 1);
    return p.mul(powerOfTwo(half)).mul(powerOfTwo(power.sub(half)));
  }

  private static FloatVector powerOfTwo(IntVector exponent) {
    return exponent.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
  }

  static DoubleVector exp(DoubleVector x) {
    DoubleVector shifted = x.fma(doubles(FloatMath.LOG2_E_64), doubles(FloatMath.ROUNDER_64));
    DoubleVector n = shifted.sub(FloatMath.ROUNDER_64);
    DoubleVector r = n.fma(doubles(-FloatMath.LN2_HIGH_64), x);
    r = n.fma(doubles(-FloatMath.LN2_LOW_64), r);
    DoubleVector p = doubles(FloatMath.EXP64[9]);
    for (int i = 8; i >= 0; i--) {
      p = r.fma(p, doubles(FloatMath.EXP64[i]));
    }
    p = r.mul(r).fma(p, r).add(1);
    LongVector power =
        shifted.reinterpretAsLongs().sub(Double.doubleToRawLongBits(FloatMath.ROUNDER_64));
    DoubleVector value =
        p.mul(power.add(1023).lanewise(VectorOperators.LSHL, 52).reinterpretAsDoubles());
    return value.blend(0, x.lt(FloatMath.EXP64_LOWEST));
  }

  /** {@code x = tanh x} for whole vectors. A loop, because it is too long to be inlined in one. */
  static void tanh(float[] x, int from, int to) {
    for (int i = from; i < to; i += FLOATS.length()) {
      FloatVector value = load(x, i);
      FloatVector magnitude = value.abs();
      VectorMask<Float> large = magnitude.compare(VectorOperators.GE, FloatMath.TANH_LARGE);
      FloatVector square = value.mul(value);
      FloatVector p = square.fma(floats(FloatMath.TANH_5), floats(FloatMath.TANH_4));
      p = square.fma(p, floats(FloatMath.TANH_3));
      p = square.fma(p, floats(FloatMath.TANH_2));
      p = square.fma(p, floats(FloatMath.TANH_1));
      p = square.fma(p, floats(FloatMath.TANH_0));
      FloatVector small = value.mul(square).fma(p, value);
      FloatVector ratio = floats(2).div(exp(magnitude.add(magnitude)).add(1));
      small.blend(copySign(floats(1).sub(ratio), value), large).intoArray(x, i);
    }
  }

  /** {@code x = erf x} for an array of whole vectors. A loop for the same reason. */
  static void erf(float[] x) {
    for (int i = 0; i < x.length; i += FLOATS.length()) {
      FloatVector value = load(x, i);
      FloatVector magnitude = value.abs();
      VectorMask<Float> large = magnitude.compare(VectorOperators.GE, FloatMath.ERF_LARGE);
      FloatVector square = value.mul(value);
      FloatVector p = square.fma(floats(FloatMath.ERF_6), floats(FloatMath.ERF_5));
      p = square.fma(p, floats(FloatMath.ERF_4));
      p = square.fma(p, floats(FloatMath.ERF_3));
      p = square.fma(p, floats(FloatMath.ERF_2));
      p = square.fma(p, floats(FloatMath.ERF_1));
      p = square.fma(p, floats(FloatMath.ERF_0));
      FloatVector small = value.fma(p, value);
      FloatVector t =
          magnitude.blend(
              FloatMath.ERF_ONE, magnitude.compare(VectorOperators.GT, FloatMath.ERF_ONE));
      FloatVector g = t.fma(floats(FloatMath.ERFC_7), floats(FloatMath.ERFC_6));
      g = t.fma(g, floats(FloatMath.ERFC_5));
      g = t.fma(g, floats(FloatMath.ERFC_4));
      g = t.fma(g, floats(FloatMath.ERFC_3));
      g = t.fma(g, floats(FloatMath.ERFC_2));
      g = t.fma(g, floats(FloatMath.ERFC_1));
      g = t.fma(g, floats(FloatMath.ERFC_0));
      FloatVector far = copySign(floats(1).sub(exp(g.neg())), value);
      small.blend(far, large).intoArray(x, i);
    }
  }

  static FloatVector silu(FloatVector x) {
    return x.div(exp(x.neg()).add(1));
  }

  /** What GELU_TANH takes the hyperbolic tangent of. */
  static FloatVector geluInner(FloatVector x) {
    FloatVector cube = x.mul(x).mul(x);
    return x.add(cube.mul(FloatMath.GELU_CUBE)).mul(FloatMath.SQRT_TWO_OVER_PI);
  }

  private static FloatVector copySign(FloatVector magnitude, FloatVector sign) {
    IntVector signBits = sign.reinterpretAsInts().and(0x8000_0000);
    return magnitude.reinterpretAsInts().and(0x7FFF_FFFF).or(signBits).reinterpretAsFloats();
  }

  /** Patterns of the nearest bfloat16 in the low halves. */
  static IntVector bfloat16(FloatVector x) {
    IntVector bits = x.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector rounded = bits.add(0x7FFF).add(odd).lanewise(VectorOperators.LSHR, 16);
    VectorMask<Integer> nan = x.test(VectorOperators.IS_NAN).cast(VectorShapes.INTS);
    return rounded.blend(Bfloat16.NAN, nan);
  }

  /** Rounded to the nearest bfloat16. */
  static FloatVector rounded(FloatVector x) {
    return bfloat16(x).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  static FloatVector zero() {
    return FloatVector.zero(FLOATS);
  }
}
