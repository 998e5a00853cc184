package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * Elements of one wide type in host memory, read and written as floats.
 *
 * @param segment the bytes
 * @param dtype F32, BF16 or F16
 */
record Elements(MemorySegment segment, DType dtype) {
  static Elements of(Tensor tensor) {
    return new Elements(tensor.segment(), tensor.dtype());
  }

  boolean isBfloat16() {
    return dtype == DType.BF16;
  }

  /** The value of element {@code index}, exact. */
  float get(long index) {
    return switch (dtype) {
      case F32 -> segment.get(Tensor.FLOAT, index << 2);
      case BF16 -> Bfloat16.decode(segment.get(Tensor.SHORT, index << 1));
      case F16 -> Float.float16ToFloat(segment.get(Tensor.SHORT, index << 1));
      default -> throw new IllegalArgumentException("no arithmetic on elements of " + dtype);
    };
  }

  /** Stores {@code value} rounded to the type, to nearest even. */
  void set(long index, float value) {
    switch (dtype) {
      case F32 -> segment.set(Tensor.FLOAT, index << 2, value);
      case BF16 -> segment.set(Tensor.SHORT, index << 1, Bfloat16.encode(value));
      case F16 -> segment.set(Tensor.SHORT, index << 1, Float.floatToFloat16(value));
      default -> throw new IllegalArgumentException("no arithmetic on elements of " + dtype);
    }
  }

  /** {@code value} rounded to the type of these elements. */
  float round(float value) {
    return switch (dtype) {
      case BF16 -> Bfloat16.round(value);
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      default -> value;
    };
  }

  /** Byte offset of element {@code index}. */
  long offset(long index) {
    return index * dtype.bits() / Byte.SIZE;
  }

  /** The 32-bit integer {@code index} of a segment of I32. */
  static int intAt(MemorySegment segment, long index) {
    return segment.get(Tensor.INT, index << 2);
  }
}
