package org.modelopt.formats.ggml;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.modelopt.tensor.DType;

/** {@link FloatRows} with the Vector API. */
final class VectorRows {
  private VectorRows() {}

  /** Reads the first elements of a row, as many as there are whole vectors; returns how many. */
  static int load(DType dtype, MemorySegment segment, long offset, int n, float[] x) {
    if (dtype != DType.BF16) {
      return 0;
    }
    int i = 0;
    for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
      ShortVector shorts =
          ShortVector.fromMemorySegment(
              Lanes.SHORTS, segment, offset + 2L * i, ByteOrder.LITTLE_ENDIAN);
      IntVector bits =
          (IntVector) shorts.convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.INTS, 0);
      bits.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(x, i);
    }
    return i;
  }

  /** See {@link FloatRows#amax}. */
  static float amax(float[] x, int n) {
    IntVector max = IntVector.zero(Lanes.INTS);
    int i = 0;
    for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, i);
      max = max.max(v.reinterpretAsInts().lanewise(AND, 0x7FFFFFFF));
    }
    int rest = Float.floatToRawIntBits(FloatRows.amax(x, i, n));
    return Float.intBitsToFloat(Math.max(max.reduceLanes(MAX), rest));
  }
}
