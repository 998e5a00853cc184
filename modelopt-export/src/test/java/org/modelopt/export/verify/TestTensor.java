package org.modelopt.export.verify;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.modelopt.tensor.DType;

/** A tensor in memory, with encoders of its own: nothing here is shared with what is tested. */
final class TestTensor {
  private final DType dtype;
  private final long[] dims;
  private final byte[] bytes;

  private TestTensor(DType dtype, long[] dims, byte[] bytes) {
    this.dtype = dtype;
    this.dims = dims;
    this.bytes = bytes;
  }

  DType dtype() {
    return dtype;
  }

  long[] dims() {
    return dims;
  }

  /** The bytes themselves, for damage to a {@link #copy()}. */
  byte[] bytes() {
    return bytes;
  }

  static TestTensor f32(long[] dims, float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      buffer.putFloat(value);
    }
    return new TestTensor(DType.F32, dims, buffer.array());
  }

  /** One F32 number without dimensions. */
  static TestTensor scalar(double value) {
    return f32(new long[0], (float) value);
  }

  static TestTensor bf16(long[] dims, float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * 2).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      buffer.putShort((short) (Float.floatToRawIntBits(Codes.bf16(value)) >> 16));
    }
    return new TestTensor(DType.BF16, dims, buffer.array());
  }

  static TestTensor f16(long[] dims, float... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * 2).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      buffer.putShort(Float.floatToFloat16(value));
    }
    return new TestTensor(DType.F16, dims, buffer.array());
  }

  static TestTensor i32(long[] dims, int... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int value : values) {
      buffer.putInt(value);
    }
    return new TestTensor(DType.I32, dims, buffer.array());
  }

  static TestTensor i64(long... values) {
    ByteBuffer buffer = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      buffer.putLong(value);
    }
    return new TestTensor(DType.I64, new long[] {values.length}, buffer.array());
  }

  static TestTensor bytes(DType dtype, long[] dims, byte[] bytes) {
    return new TestTensor(dtype, dims, bytes);
  }

  /** The elements of a float tensor. */
  float[] floats() {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[bytes.length * 8 / dtype.bits()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case F32 -> buffer.getFloat();
            case F16 -> Float.float16ToFloat(buffer.getShort());
            case BF16 -> Float.intBitsToFloat(buffer.getShort() << 16);
            default -> throw new IllegalStateException(dtype + " has no floats");
          };
    }
    return values;
  }

  /** The same type and shape with other float elements. */
  TestTensor withFloats(float... values) {
    return switch (dtype) {
      case F32 -> f32(dims, values);
      case F16 -> f16(dims, values);
      case BF16 -> bf16(dims, values);
      default -> throw new IllegalStateException(dtype + " has no floats");
    };
  }

  /** The same bytes under another type and shape. */
  TestTensor as(DType other, long... otherDims) {
    return new TestTensor(other, otherDims, bytes);
  }

  /** A copy whose bytes the caller changes. */
  TestTensor copy() {
    return new TestTensor(dtype, dims.clone(), bytes.clone());
  }

  /** Every byte with its two halves exchanged. */
  TestTensor withSwappedNibbles() {
    TestTensor copy = copy();
    for (int i = 0; i < copy.bytes.length; i++) {
      copy.bytes[i] = (byte) ((copy.bytes[i] & 15) << 4 | (copy.bytes[i] & 0xF0) >> 4);
    }
    return copy;
  }

  /** The elements of a matrix transposed, under the same shape. */
  TestTensor transposed() {
    int size = dtype.bits() / 8;
    int rows = (int) dims[0];
    int columns = (int) dims[1];
    byte[] turned = new byte[bytes.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        System.arraycopy(bytes, (r * columns + c) * size, turned, (c * rows + r) * size, size);
      }
    }
    return new TestTensor(dtype, dims, turned);
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(dims);
  }
}
