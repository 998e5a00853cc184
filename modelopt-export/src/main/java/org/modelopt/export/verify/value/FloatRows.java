package org.modelopt.export.verify.value;

import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.Tensor;

/** Reads rows of unquantized tensors. */
final class FloatRows {
  private FloatRows() {}

  /** Rows of a tensor of F32, F16 or BF16, seen as a matrix with the last axis as its columns. */
  static WeightComparison.Rows of(Tensor tensor) {
    long columns = tensor.shape().columns();
    return (from, count, values, steps) ->
        read(tensor, from * columns, Math.toIntExact(count * columns), values);
  }

  /** {@code count} elements from {@code from} on, row-major, as floats. */
  static void read(Tensor tensor, long from, int count, float[] values) {
    MemorySegment bytes = tensor.segment();
    switch (tensor.dtype()) {
      case F32 -> MemorySegment.copy(bytes, Tensor.FLOAT, from * 4, values, 0, count);
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          values[i] = Float.intBitsToFloat(bytes.get(Tensor.SHORT, (from + i) * 2) << 16);
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          values[i] = Float.float16ToFloat(bytes.get(Tensor.SHORT, (from + i) * 2));
        }
      }
      default -> throw new IllegalArgumentException(tensor + " is not of a wide float type");
    }
  }

  /** All elements of a small tensor. */
  static float[] all(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.shape().elements())];
    read(tensor, 0, values.length, values);
    return values;
  }
}
