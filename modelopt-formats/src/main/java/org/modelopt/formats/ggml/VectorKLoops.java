package org.modelopt.formats.ggml;

import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/** Many sub-blocks at once, one per lane, each with its sums in element order. */
final class VectorKLoops implements KLoops {
  @Override
  public MinimumResults minimum(
      MinimumSearch search, float[] x, float @Nullable [] weights, int columns, int size) {
    return new VectorMinimumSearch(search, size).run(x, weights, columns);
  }

  @Override
  public SymmetricResults symmetric(
      int levels, float[] x, float @Nullable [] weights, int columns, int size) {
    return new VectorSymmetricSearch(levels, size).run(x, weights, columns);
  }

  @Override
  public void round(
      float[] x,
      int from,
      int n,
      float addend,
      float divisor,
      int low,
      int high,
      byte[] codes,
      int at) {
    for (int i = 0; i < n; i += Lanes.COUNT) {
      FloatVector quotient =
          FloatVector.fromArray(Lanes.FLOATS, x, from + i).add(addend).div(divisor);
      Lanes.storeBytes(Lanes.near(quotient, -low, high).add(low), codes, at + i);
    }
  }
}
