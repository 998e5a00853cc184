package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static org.modelopt.formats.internal.NativeMemory.ALL;
import static org.modelopt.formats.internal.VectorPairs.STEP;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.modelopt.numeric.FloatFormat;

/**
 * Which of two scales rounds a block of 16 bfloat16 better.
 *
 * <p>Squared errors are summed in float32 and in any order, which is off by less than {@code 18 *
 * 2^-24} of a sum. Where the two sums are nearer to each other than ten times that, the block is
 * left to the plain form.
 */
final class VectorFourOverSix {
  private static final int GROUP = 16;
  private static final float DOUBT = 1e-5f;
  private static final float SMALLEST_SUM = 0x1p-120f;
  private static final FloatConstants E2M1 = FloatConstants.of(FloatFormat.E2M1);
  private static final FloatConstants E4M3 = FloatConstants.of(FloatFormat.E4M3);
  private static final int SMALLEST_E4M3 = Float.floatToRawIntBits(0x1p-9f);

  // Parts of strip.y, which has room for 16 numbers per group.
  private static final int FOUR_DIVISOR = Strip.CAPACITY / 4;
  private static final int FOUR_RECIPROCAL = Strip.CAPACITY / 2;

  /** Where sums are in the strip's x, behind those of the other candidate. */
  private static final int FOUR_SUM = Strip.CAPACITY / 2;

  /** For distances 1, 2 and 4: the lane at that distance. */
  private static final int[] NEIGHBOURS = new int[3 * LANES];

  static {
    for (int i = 0; i < NEIGHBOURS.length; i++) {
      NEIGHBOURS[i] = i % LANES ^ 1 << i / LANES;
    }
  }

  private VectorFourOverSix() {}

  /** Scales with {@code factor} times the largest magnitude of a group at 6. */
  private static void candidates(Strip strip, float factor, float globalScale, float[] scales) {
    for (int g = 0; g < strip.groups(); g += LANES) {
      FloatVector amax = FloatVector.fromArray(FLOATS, strip.amax, g);
      FloatVector quotient = amax.mul(factor).div(6f).div(globalScale);
      FloatVector scale = quotient.blend(1f, quotient.compare(EQ, 0f));
      IntVector atLeast = scale.reinterpretAsInts().max(SMALLEST_E4M3);
      VectorFloats.rounded(atLeast.reinterpretAsFloats(), E4M3).intoArray(scales, g);
    }
  }

  /** See {@link Kernels#fourOverSix}. */
  static void choose(Strip strip, float globalScale, MemorySegment segment, long offset) {
    // Scales are from 2^-9 to 448, so that their products are from 2^-59 to 2^59.
    boolean suits =
        strip.head() == GROUP
            && strip.group() == GROUP
            && LANES >= GROUP / 2
            && strip.amaxKnown
            && globalScale >= 0x1p-50f
            && globalScale <= 0x1p50f
            && VectorAmax.largest(strip.amax, strip.groups()) < 0x1p60f;
    int n = suits ? strip.n() & -STEP : 0;
    long in = NativeMemory.address(segment, offset, 2L * n);
    int done = in == 0 ? 0 : n / GROUP;
    if (done > 0) {
      candidates(strip, 1f, globalScale, strip.scale);
      candidates(strip, 1.5f, globalScale, strip.y);
      reciprocals(strip, globalScale);
      try {
        sums(strip, n, in, strip.divisor, 0, strip.reciprocal, 0, 0);
        sums(strip, n, in, strip.y, FOUR_DIVISOR, strip.y, FOUR_RECIPROCAL, FOUR_SUM);
      } finally {
        Reference.reachabilityFence(segment);
      }
    }
    for (int g = 0; g < strip.groups(); g++) {
      strip.scale[g] = g < done ? better(strip, g) : Float.NaN;
    }
  }

  private static float better(Strip strip, int g) {
    float six = strip.x[g * (GROUP / 2)];
    float four = strip.x[FOUR_SUM + g * (GROUP / 2)];
    if (!(Math.abs(four - six) > DOUBT * (four + six) + SMALLEST_SUM)) {
      return Float.NaN;
    }
    return four < six ? strip.y[g] : strip.scale[g];
  }

  /** Products of both scales with the global one, and one over them. */
  private static void reciprocals(Strip strip, float globalScale) {
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    for (int g = 0; g < strip.groups(); g += LANES) {
      FloatVector six = FloatVector.fromArray(FLOATS, strip.scale, g).mul(globalScale);
      FloatVector four = FloatVector.fromArray(FLOATS, strip.y, g).mul(globalScale);
      six.intoArray(strip.divisor, g);
      four.intoArray(strip.y, FOUR_DIVISOR + g);
      one.div(six).intoArray(strip.reciprocal, g);
      one.div(four).intoArray(strip.y, FOUR_RECIPROCAL + g);
    }
  }

  /**
   * The sum of squared errors of each group under one divisor each, in {@code x}, from {@code at}
   * on, at every eighth place.
   */
  private static void sums(
      Strip strip,
      int end,
      long in,
      float[] divisors,
      int divisorAt,
      float[] inverse,
      int inverseAt,
      int at) {
    float[] x = strip.x;
    IntVector spread = VectorPairs.spread(Integer.numberOfTrailingZeros(GROUP));
    IntVector first = IntVector.fromArray(INTS, NEIGHBOURS, 0);
    IntVector second = IntVector.fromArray(INTS, NEIGHBOURS, LANES);
    IntVector third = IntVector.fromArray(INTS, NEIGHBOURS, 2 * LANES);
    IntVector even = IntVector.broadcast(INTS, 0x00007FFF);
    IntVector odd = IntVector.broadcast(INTS, 0x7FFF0000);
    IntVector exponentMask = IntVector.broadcast(INTS, 0x7F800000);
    IntVector minExponent = IntVector.broadcast(INTS, E2M1.minExponent());
    IntVector rounding = IntVector.broadcast(INTS, E2M1.plainRoundingBits());
    FloatVector most = FloatVector.broadcast(FLOATS, 6f);
    for (int i = 0; i < end; i += STEP) {
      int g = i / GROUP;
      IntVector pair = IntVector.fromMemorySegment(INTS, ALL, in + 2L * i, LITTLE);
      FloatVector d =
          spread
              .selectFrom(
                  FloatVector.fromArray(FLOATS, divisors, divisorAt + g).reinterpretAsInts())
              .reinterpretAsFloats();
      FloatVector r =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, inverse, inverseAt + g).reinterpretAsInts())
              .reinterpretAsFloats();
      FloatVector minus = d.neg();
      FloatVector x0 = pair.and(even).lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector p0 = x0.mul(r);
      FloatVector q0 = p0.fma(minus, x0).fma(r, p0).min(most);
      IntVector e0 = q0.reinterpretAsInts().and(exponentMask).max(minExponent);
      FloatVector c0 = e0.add(rounding).reinterpretAsFloats();
      FloatVector d0 = q0.add(c0).sub(c0).mul(d).sub(x0);
      FloatVector x1 = pair.and(odd).reinterpretAsFloats();
      FloatVector p1 = x1.mul(r);
      FloatVector q1 = p1.fma(minus, x1).fma(r, p1).min(most);
      IntVector e1 = q1.reinterpretAsInts().and(exponentMask).max(minExponent);
      FloatVector c1 = e1.add(rounding).reinterpretAsFloats();
      FloatVector d1 = q1.add(c1).sub(c1).mul(d).sub(x1);
      FloatVector s = d0.mul(d0).add(d1.mul(d1));
      s = s.add(first.selectFrom(s.reinterpretAsInts()).reinterpretAsFloats());
      s = s.add(second.selectFrom(s.reinterpretAsInts()).reinterpretAsFloats());
      s = s.add(third.selectFrom(s.reinterpretAsInts()).reinterpretAsFloats());
      s.intoArray(x, at + i / 2);
    }
  }
}
