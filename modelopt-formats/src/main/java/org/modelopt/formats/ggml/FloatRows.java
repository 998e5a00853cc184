package org.modelopt.formats.ggml;

import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Reads stored floats. */
public final class FloatRows {
  private FloatRows() {}

  /**
   * Reads {@code n} elements of F32, F16 or BF16 to {@code x[0 .. n)}.
   *
   * @param offset first byte in {@code segment}
   * @return the largest magnitude; infinite or NaN if there is such an element
   * @throws IllegalArgumentException for other types
   */
  public static float load(DType dtype, MemorySegment segment, long offset, int n, float[] x) {
    int done = Vectors.AVAILABLE ? VectorRows.load(dtype, segment, offset, n, x) : 0;
    switch (dtype) {
      case F32 -> MemorySegment.copy(segment, Tensor.FLOAT, offset, x, 0, n);
      case BF16 -> {
        for (int i = done; i < n; i++) {
          x[i] = Float.intBitsToFloat(segment.get(Tensor.SHORT, offset + 2L * i) << 16);
        }
      }
      case F16 -> {
        for (int i = done; i < n; i++) {
          x[i] = Float.float16ToFloat(segment.get(Tensor.SHORT, offset + 2L * i));
        }
      }
      default -> throw new IllegalArgumentException("elements of " + dtype + " are no floats");
    }
    return Vectors.AVAILABLE ? VectorRows.amax(x, n) : amax(x, 0, n);
  }

  /** Largest magnitude of {@code x[from .. to)}; infinite or NaN if there is such an element. */
  static float amax(float[] x, int from, int to) {
    int largest = 0;
    for (int i = from; i < to; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & 0x7FFFFFFF);
    }
    return Float.intBitsToFloat(largest);
  }
}
