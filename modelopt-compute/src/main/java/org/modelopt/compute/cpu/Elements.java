package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * Elements of one wide type in host memory.
 *
 * @param segment the bytes
 * @param dtype F32, BF16 or, to read only, F16
 */
record Elements(MemorySegment segment, DType dtype) {
  static Elements of(Tensor tensor) {
    return new Elements(tensor.segment(), tensor.dtype());
  }

  /** Whether results are rounded to bfloat16. */
  boolean isBfloat16() {
    return dtype == DType.BF16;
  }

  /** Bytes per element. */
  int elementBytes() {
    return dtype.bits() / Byte.SIZE;
  }
}
