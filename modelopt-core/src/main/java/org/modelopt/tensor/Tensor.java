package org.modelopt.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;

/**
 * A contiguous, row-major, little-endian array of elements of one type; a view that owns nothing.
 *
 * <p>The storage of a tensor is on the host or on a device. {@link #segment()} gives the bytes of a
 * host tensor without copying; device tensors are read through their backend.
 */
public final class Tensor {
  /** Alignment of tensors allocated on the host, in bytes: one cache line, one 512-bit vector. */
  public static final long ALIGNMENT = 64;

  /** Little-endian 16-bit elements at any byte offset. */
  public static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Little-endian 32-bit integers at any byte offset. */
  public static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Little-endian 32-bit floats at any byte offset. */
  public static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final DType dtype;
  private final Shape shape;
  private final Storage storage;

  private Tensor(DType dtype, Shape shape, Storage storage) {
    this.dtype = dtype;
    this.shape = shape;
    this.storage = storage;
  }

  /**
   * A tensor over existing storage.
   *
   * @throws IllegalArgumentException if the storage does not have exactly the bytes that type and
   *     shape need
   */
  public static Tensor of(DType dtype, Shape shape, Storage storage) {
    long expected = dtype.byteSize(shape.elements());
    if (storage.byteSize() != expected) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s %s needs %,d bytes but the storage has %,d",
              dtype,
              shape,
              expected,
              storage.byteSize()));
    }
    return new Tensor(dtype, shape, storage);
  }

  /** A host tensor over existing bytes; see {@link #of(DType, Shape, Storage)}. */
  public static Tensor of(DType dtype, Shape shape, MemorySegment segment) {
    return of(dtype, shape, new HostStorage(segment));
  }

  /** A zero-filled host tensor owned by {@code arena}, aligned to {@link #ALIGNMENT}. */
  public static Tensor allocate(Arena arena, DType dtype, Shape shape) {
    return of(
        dtype, shape, HostMemory.allocate(arena, dtype.byteSize(shape.elements()), ALIGNMENT));
  }

  /** A host F32 tensor owned by {@code arena} with a copy of {@code values}, row-major. */
  public static Tensor ofFloats(Arena arena, Shape shape, float... values) {
    Tensor tensor = allocate(arena, DType.F32, shape);
    checkCount(shape, values.length);
    MemorySegment.copy(values, 0, tensor.segment(), FLOAT, 0, values.length);
    return tensor;
  }

  /** A host I32 tensor owned by {@code arena} with a copy of {@code values}, row-major. */
  public static Tensor ofInts(Arena arena, Shape shape, int... values) {
    Tensor tensor = allocate(arena, DType.I32, shape);
    checkCount(shape, values.length);
    MemorySegment.copy(values, 0, tensor.segment(), INT, 0, values.length);
    return tensor;
  }

  private static void checkCount(Shape shape, int count) {
    if (shape.elements() != count) {
      throw new IllegalArgumentException(
          "shape " + shape + " has " + shape.elements() + " elements, not " + count);
    }
  }

  /** Type of the elements. */
  public DType dtype() {
    return dtype;
  }

  /** Sizes along the axes. */
  public Shape shape() {
    return shape;
  }

  /** The memory behind this tensor. */
  public Storage storage() {
    return storage;
  }

  /** Size in bytes. */
  public long byteSize() {
    return storage.byteSize();
  }

  /** Whether the bytes are in host memory, so that {@link #segment()} works. */
  public boolean isOnHost() {
    return storage instanceof HostStorage;
  }

  /**
   * The bytes of a host tensor, not copied.
   *
   * @throws IllegalStateException if the tensor is on a device
   */
  public MemorySegment segment() {
    if (storage instanceof HostStorage host) {
      return host.segment();
    }
    throw new IllegalStateException(
        "tensor " + shape + " is on " + storage.location() + "; bring it to the host first");
  }

  /**
   * Rows {@code from} (inclusive) to {@code to} (exclusive) along the first axis, not copied.
   *
   * @throws IllegalArgumentException if the range is not within the first axis
   */
  public Tensor rows(long from, long to) {
    long rows = shape.dim(0);
    if (from < 0 || to < from || to > rows) {
      throw new IllegalArgumentException(
          "rows " + from + " to " + to + " are not within the first axis of " + shape);
    }
    long rowBytes = rows == 0 ? 0 : byteSize() / rows;
    long[] dims = shape.dims().stream().mapToLong(Long::longValue).toArray();
    dims[0] = to - from;
    return of(dtype, Shape.of(dims), storage.slice(from * rowBytes, (to - from) * rowBytes));
  }

  /**
   * The same bytes under another shape.
   *
   * @throws IllegalArgumentException if the number of elements differs
   */
  public Tensor reshape(Shape newShape) {
    if (newShape.elements() != shape.elements()) {
      throw new IllegalArgumentException("cannot reshape " + shape + " to " + newShape);
    }
    return new Tensor(dtype, newShape, storage);
  }

  /** The same bytes seen as elements of another type of the same width. */
  public Tensor viewAs(DType other) {
    if (other.bits() != dtype.bits()) {
      throw new IllegalArgumentException("cannot view " + dtype + " as " + other);
    }
    return new Tensor(other, shape, storage);
  }

  /**
   * One element of a host tensor of F32, F16, BF16, I32, I8 or U8 as a float.
   *
   * @param index row-major element index
   * @throws IllegalArgumentException for other types
   */
  public float getFloat(long index) {
    MemorySegment bytes = segment();
    return switch (dtype) {
      case F32 -> bytes.get(FLOAT, index << 2);
      case BF16 -> Float.intBitsToFloat(bytes.get(SHORT, index << 1) << 16);
      case F16 -> Float.float16ToFloat(bytes.get(SHORT, index << 1));
      case I32 -> bytes.get(INT, index << 2);
      case I8 -> bytes.get(ValueLayout.JAVA_BYTE, index);
      case U8, BOOL -> bytes.get(ValueLayout.JAVA_BYTE, index) & 0xFF;
      default -> throw new IllegalArgumentException("elements of " + dtype + " need a codec");
    };
  }

  /**
   * Copies {@code count} elements of a host tensor as floats; fast for F32, BF16 and F16.
   *
   * @param first row-major index of the first element
   */
  public void copyFloats(long first, float[] into, int offset, int count) {
    switch (dtype) {
      case F32 -> MemorySegment.copy(segment(), FLOAT, first << 2, into, offset, count);
      case BF16, F16 -> {
        short[] halves = new short[count];
        MemorySegment.copy(segment(), SHORT, first << 1, halves, 0, count);
        if (dtype == DType.BF16) {
          for (int i = 0; i < count; i++) {
            into[offset + i] = Float.intBitsToFloat(halves[i] << 16);
          }
        } else {
          for (int i = 0; i < count; i++) {
            into[offset + i] = Float.float16ToFloat(halves[i]);
          }
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          into[offset + i] = getFloat(first + i);
        }
      }
    }
  }

  /**
   * All elements of a host tensor as floats, row-major; for small tensors and tests.
   *
   * @throws IllegalArgumentException if there are more elements than a Java array holds
   */
  public float[] toFloats() {
    if (shape.elements() > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(shape + " does not fit a Java array");
    }
    float[] values = new float[(int) shape.elements()];
    copyFloats(0, values, 0, values.length);
    return values;
  }

  /**
   * All elements of a host I32 tensor, row-major.
   *
   * @throws IllegalArgumentException for other types
   */
  public int[] toInts() {
    if (dtype != DType.I32) {
      throw new IllegalArgumentException("expected I32 elements but found " + dtype);
    }
    return segment().toArray(INT);
  }

  /** Type, shape and place, for messages; not the elements. */
  @Override
  public String toString() {
    return dtype + " " + shape + " on " + storage.location();
  }
}
