package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.F2D;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.LANES;

import java.util.Arrays;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Sums over the elements of a strip. */
final class VectorSums {
  private static final VectorSpecies<Double> DOUBLES = FLOATS.withLanes(double.class);
  private static final int WIDTH = DOUBLES.length();

  /** As many floats as {@link #DOUBLES} has lanes. */
  private static final VectorSpecies<Float> HALF_FLOATS =
      VectorSpecies.of(float.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  private VectorSums() {}

  /** {@link Kernels#differences}. */
  static void differences(Strip strip, float reach, double[] sums) {
    int n = strip.n();
    int end = Math.ceilDiv(n, Kernels.SUM_LANES) * Kernels.SUM_LANES;
    Arrays.fill(strip.x, n, end, 0);
    Arrays.fill(strip.y, n, end, 0);
    double[] lanes = new double[2 * Kernels.SUM_LANES];
    for (int lane = 0; lane < Kernels.SUM_LANES; lane += WIDTH) {
      everySixteenth(strip, lane, end, lanes);
    }
    sums[0] += ScalarKernels.inHalves(lanes, 0);
    sums[1] += ScalarKernels.inHalves(lanes, Kernels.SUM_LANES);
    for (int g = 0; g < strip.groups(); g++) {
      sums[2] += beyond(strip.x, strip.start(g), strip.end(g), reach * strip.divisor[g]);
    }
  }

  private static void everySixteenth(Strip strip, int lane, int end, double[] lanes) {
    DoubleVector error = DoubleVector.zero(DOUBLES);
    DoubleVector square = DoubleVector.zero(DOUBLES);
    for (int i = lane; i < end; i += Kernels.SUM_LANES) {
      DoubleVector x = doubles(strip.x, i);
      DoubleVector y = doubles(strip.y, i);
      DoubleVector difference = x.sub(y);
      error = error.add(difference.mul(difference));
      square = square.add(x.mul(x));
    }
    error.intoArray(lanes, lane);
    square.intoArray(lanes, Kernels.SUM_LANES + lane);
  }

  private static DoubleVector doubles(float[] from, int index) {
    return (DoubleVector)
        FloatVector.fromArray(HALF_FLOATS, from, index).convertShape(F2D, DOUBLES, 0);
  }

  private static int beyond(float[] x, int from, int to, float most) {
    int beyond = 0;
    int i = from;
    for (; i + LANES <= to; i += LANES) {
      beyond +=
          FloatVector.fromArray(FLOATS, x, i).abs().compare(VectorOperators.GT, most).trueCount();
    }
    return beyond + ScalarKernels.beyond(x, i, to, most);
  }
}
