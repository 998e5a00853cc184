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

/**
 * The functions of {@link FloatMath}, operation by operation, on vectors. Long ones are loops over
 * arrays in several passes, each a method of its own: past some size of a method the compiler stops
 * inlining, and vectors that cross a call are objects.
 */
final class VectorMath {
  private static final int WIDTH = FLOATS.length();

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

  /** {@code x = e^x} for whole vectors. */
  static void exp(float[] x, int from, int to) {
    for (int i = from; i < to; i += WIDTH) {
      exp(load(x, i)).intoArray(x, i);
    }
  }

  /** {@code x = tanh x} for whole vectors. */
  static void tanh(float[] x, int from, int to) {
    float[] exponentials = new float[to - from];
    for (int i = from; i < to; i += WIDTH) {
      FloatVector magnitude = load(x, i).abs();
      magnitude.add(magnitude).intoArray(exponentials, i - from);
    }
    exp(exponentials, 0, to - from);
    for (int i = from; i < to; i += WIDTH) {
      FloatVector e = load(exponentials, i - from);
      floats(1).sub(floats(2).div(e.add(1))).intoArray(exponentials, i - from);
    }
    blendTanh(x, from, to, exponentials);
  }

  /** {@code x = tanh x} for small x and {@code far} with the sign of x for others. */
  private static void blendTanh(float[] x, int from, int to, float[] far) {
    for (int i = from; i < to; i += WIDTH) {
      FloatVector value = load(x, i);
      FloatVector square = value.mul(value);
      FloatVector p = square.fma(floats(FloatMath.TANH_5), floats(FloatMath.TANH_4));
      p = square.fma(p, floats(FloatMath.TANH_3));
      p = square.fma(p, floats(FloatMath.TANH_2));
      p = square.fma(p, floats(FloatMath.TANH_1));
      p = square.fma(p, floats(FloatMath.TANH_0));
      FloatVector near = value.mul(square).fma(p, value);
      blend(value, near, load(far, i - from), FloatMath.TANH_LARGE).intoArray(x, i);
    }
  }

  /** {@code x = erf x} for an array of whole vectors. */
  static void erf(float[] x) {
    float[] far = new float[x.length];
    erfcExponents(x, far);
    exp(far, 0, far.length);
    for (int i = 0; i < x.length; i += WIDTH) {
      floats(1).sub(load(far, i)).intoArray(far, i);
    }
    blendErf(x, far);
  }

  /** Logarithms of 1 - erf |x|. */
  private static void erfcExponents(float[] x, float[] logarithms) {
    for (int i = 0; i < x.length; i += WIDTH) {
      FloatVector t = load(x, i).abs();
      t = t.blend(FloatMath.ERF_ONE, t.compare(VectorOperators.GT, FloatMath.ERF_ONE));
      FloatVector g = t.fma(floats(FloatMath.ERFC_7), floats(FloatMath.ERFC_6));
      g = t.fma(g, floats(FloatMath.ERFC_5));
      g = t.fma(g, floats(FloatMath.ERFC_4));
      g = t.fma(g, floats(FloatMath.ERFC_3));
      g = t.fma(g, floats(FloatMath.ERFC_2));
      g = t.fma(g, floats(FloatMath.ERFC_1));
      t.fma(g, floats(FloatMath.ERFC_0)).neg().intoArray(logarithms, i);
    }
  }

  /** {@code x = erf x} for small x and {@code far} with the sign of x for others. */
  private static void blendErf(float[] x, float[] far) {
    for (int i = 0; i < x.length; i += WIDTH) {
      FloatVector value = load(x, i);
      FloatVector square = value.mul(value);
      FloatVector p = square.fma(floats(FloatMath.ERF_6), floats(FloatMath.ERF_5));
      p = square.fma(p, floats(FloatMath.ERF_4));
      p = square.fma(p, floats(FloatMath.ERF_3));
      p = square.fma(p, floats(FloatMath.ERF_2));
      p = square.fma(p, floats(FloatMath.ERF_1));
      p = square.fma(p, floats(FloatMath.ERF_0));
      blend(value, value.fma(p, value), load(far, i), FloatMath.ERF_LARGE).intoArray(x, i);
    }
  }

  /** Where |x| is at least {@code limit}, {@code far} with the sign of x, else {@code near}. */
  private static FloatVector blend(FloatVector x, FloatVector near, FloatVector far, float limit) {
    VectorMask<Float> large = x.abs().compare(VectorOperators.GE, limit);
    return near.blend(copySign(far, x), large);
  }

  /** SiLU of the first {@code count} elements, whole vectors; so below. */
  static void silu(float[] x, int count) {
    for (int i = 0; i < count; i += WIDTH) {
      FloatVector value = load(x, i);
      value.div(exp(value.neg()).add(1)).intoArray(x, i);
    }
  }

  static void geluTanh(float[] x, int count) {
    float[] tanh = new float[count];
    for (int i = 0; i < count; i += WIDTH) {
      FloatVector value = load(x, i);
      FloatVector cube = value.mul(value).mul(value);
      value.add(cube.mul(FloatMath.GELU_CUBE)).mul(FloatMath.SQRT_TWO_OVER_PI).intoArray(tanh, i);
    }
    tanh(tanh, 0, count);
    halfTimesOnePlus(x, tanh);
  }

  static void gelu(float[] x, int count) {
    float[] erf = new float[count];
    for (int i = 0; i < count; i += WIDTH) {
      load(x, i).mul(FloatMath.SQRT_HALF).intoArray(erf, i);
    }
    erf(erf);
    halfTimesOnePlus(x, erf);
  }

  /** {@code x = x / 2 * (1 + y)} for all of y. */
  private static void halfTimesOnePlus(float[] x, float[] y) {
    for (int i = 0; i < y.length; i += WIDTH) {
      load(x, i).mul(0.5f).mul(load(y, i).add(1)).intoArray(x, i);
    }
  }

  static void relu(float[] x, int count) {
    for (int i = 0; i < count; i += WIDTH) {
      load(x, i).max(0).intoArray(x, i);
    }
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
    VectorMask<Integer> nan = bits.and(0x7FFF_FFFF).compare(VectorOperators.GT, 0x7F80_0000);
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
