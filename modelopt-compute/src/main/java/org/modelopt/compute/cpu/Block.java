package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** An array on which kernels work, filled from and emptied into host memory. Used by one thread. */
final class Block {
  private final Kernels kernels;
  private final float[] values;
  private short[] patterns = {};

  Block(Kernels kernels, int capacity) {
    this(kernels, new float[capacity]);
  }

  /** A block over an existing array. */
  Block(Kernels kernels, float[] values) {
    this.kernels = kernels;
    this.values = values;
  }

  float[] values() {
    return values;
  }

  /** Elements {@code from} to {@code from + count} to the start of the array, exact. */
  void load(Elements elements, long from, int count) {
    load(elements, from, 0, count);
  }

  /** Elements {@code from} to {@code from + count} to the array from {@code first} on, exact. */
  void load(Elements elements, long from, int first, int count) {
    MemorySegment segment = elements.segment();
    if (elements.dtype() == DType.F32) {
      MemorySegment.copy(segment, Tensor.FLOAT, from << 2, values, first, count);
      return;
    }
    short[] buffer = patterns(count);
    MemorySegment.copy(segment, Tensor.SHORT, from << 1, buffer, 0, count);
    if (elements.dtype() == DType.BF16) {
      kernels.decode(buffer, values, first, count);
    } else {
      for (int i = 0; i < count; i++) {
        values[first + i] = Float.float16ToFloat(buffer[i]);
      }
    }
  }

  /** The start of the array to elements from {@code to} on, rounded to their type. */
  void store(Elements elements, long to, int count) {
    store(0, elements, to, count);
  }

  /** The array from {@code first} on to elements from {@code to} on, rounded to their type. */
  void store(int first, Elements elements, long to, int count) {
    if (elements.dtype() == DType.F32) {
      MemorySegment.copy(values, first, elements.segment(), Tensor.FLOAT, to << 2, count);
      return;
    }
    short[] buffer = patterns(count);
    kernels.encode(values, first, buffer, count);
    MemorySegment.copy(buffer, 0, elements.segment(), Tensor.SHORT, to << 1, count);
  }

  private short[] patterns(int count) {
    if (patterns.length < count) {
      patterns = new short[count];
    }
    return patterns;
  }
}
