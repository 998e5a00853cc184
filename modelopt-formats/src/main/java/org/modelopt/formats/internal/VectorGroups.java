package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.MIN;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.floats;
import static org.modelopt.formats.internal.VectorShapes.ints;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** How vector loops find an element's group, and the quotients by the groups' divisors. */
final class VectorGroups {
  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final float MIN_DIVISOR = 0x1p-60f;
  private static final float MAX_DIVISOR = 0x1p60f;

  private VectorGroups() {}

  /** Whether no vector has elements of two groups; other strips are left to the plain loops. */
  static boolean suit(Strip strip) {
    int group = strip.group();
    boolean single = strip.head() == strip.n();
    return single || (strip.head() == group && group % LANES == 0 && (group & (group - 1)) == 0);
  }

  /** An element's index shifted to the right by this is the index of its group. */
  static int shift(Strip strip) {
    return strip.head() == strip.n() ? 31 : Integer.numberOfTrailingZeros(strip.group());
  }

  /** End of the part of a strip that fills whole vectors. */
  static int wholeVectors(Strip strip) {
    return strip.n() & -LANES;
  }

  /** {@code x = x / divisor}, rounded to float32, for whole vectors. */
  static void divide(Strip strip) {
    if (strip.narrow && invert(strip)) {
      divideByProducts(strip);
      return;
    }
    float[] x = strip.x;
    float[] divisor = strip.divisor;
    int shift = shift(strip);
    int end = wholeVectors(strip);
    for (int i = 0; i < end; i += LANES) {
      FloatVector d = FloatVector.broadcast(FLOATS, divisor[i >>> shift]);
      FloatVector.fromArray(FLOATS, x, i).div(d).intoArray(x, i);
    }
  }

  /**
   * Quotients without a division, which takes the time of ten other operations: with r the float32
   * nearest to 1 / d, {@code q = x r} is about a step away from x / d, {@code q d - x} is its exact
   * excess, and {@code q - (q d - x) r} is the float32 nearest to x / d (Markstein 1990).
   *
   * <p>Checked for every mantissa of a bfloat16 or binary16 x and every mantissa of d. Where x is
   * so small that the remainder is not exact, below 2^-102, the quotient is below 2^-42, which is
   * zero in every format.
   */
  private static void divideByProducts(Strip strip) {
    float[] x = strip.x;
    float[] divisor = strip.divisor;
    float[] reciprocal = strip.reciprocal;
    int shift = shift(strip);
    int end = wholeVectors(strip);
    for (int i = 0; i < end; i += LANES) {
      int g = i >>> shift;
      FloatVector d = FloatVector.broadcast(FLOATS, divisor[g]);
      FloatVector r = FloatVector.broadcast(FLOATS, reciprocal[g]);
      FloatVector v = FloatVector.fromArray(FLOATS, x, i);
      FloatVector q = v.mul(r);
      // Subtracted in this order, zero keeps its sign.
      FloatVector excess = q.fma(d, v.neg());
      excess.neg().fma(r, q).intoArray(x, i);
    }
  }

  /**
   * Reciprocals of the strip's divisors.
   *
   * @return whether all divisors are from 2^-60 to 2^60, so that quotients and what is computed on
   *     the way to them stay finite
   */
  static boolean invert(Strip strip) {
    int n = strip.groups();
    float[] divisor = strip.divisor;
    float[] reciprocal = strip.reciprocal;
    FloatVector smallest = floats(1f);
    FloatVector largest = smallest;
    int g = 0;
    for (; g <= n - LANES; g += LANES) {
      FloatVector d = FloatVector.fromArray(FLOATS, divisor, g);
      FloatVector magnitude = d.reinterpretAsInts().lanewise(AND, MAGNITUDE).reinterpretAsFloats();
      smallest = smallest.min(magnitude);
      largest = largest.max(magnitude);
      floats(1f).div(d).intoArray(reciprocal, g);
    }
    float least = smallest.reduceLanes(MIN);
    float most = largest.reduceLanes(MAX);
    for (; g < n; g++) {
      float magnitude = Math.abs(divisor[g]);
      least = Math.min(least, magnitude);
      most = Math.max(most, magnitude);
      reciprocal[g] = 1f / divisor[g];
    }
    return least >= MIN_DIVISOR && most <= MAX_DIVISOR;
  }

  /** Largest magnitude of the strip's divisors. */
  static float largestDivisor(Strip strip) {
    int n = strip.groups();
    IntVector most = ints(0);
    int g = 0;
    for (; g <= n - LANES; g += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, strip.divisor, g).reinterpretAsInts();
      most = most.max(bits.lanewise(AND, MAGNITUDE));
    }
    int bits = most.reduceLanes(MAX);
    for (; g < n; g++) {
      bits = Math.max(bits, Float.floatToRawIntBits(strip.divisor[g]) & MAGNITUDE);
    }
    return Float.intBitsToFloat(bits);
  }
}
