package org.modelopt.numeric;

import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * F32, BF16 or F16 elements in host memory seen as rows at a fixed distance: a whole tensor, some
 * of its rows, or some of its columns. Owns nothing.
 *
 * @param dtype type of the elements
 * @param segment memory that holds all elements
 * @param offset byte offset of the first element in {@code segment}
 * @param rows number of rows
 * @param columns elements per row, contiguous
 * @param rowStride elements from the start of one row to the start of the next
 */
public record Matrix(
    DType dtype, MemorySegment segment, long offset, long rows, long columns, long rowStride) {
  /** Checks the type, and that all elements are within the segment. */
  public Matrix {
    if (!dtype.isWideFloat()) {
      throw new IllegalArgumentException("expected F32, BF16 or F16 elements but found " + dtype);
    }
    if (rows < 0 || columns < 0 || offset < 0 || (rows > 1 && rowStride < columns)) {
      throw new IllegalArgumentException(
          "%d rows of %d elements, %d apart, from byte %d on are no matrix"
              .formatted(rows, columns, rowStride, offset));
    }
    if (rows > 0 && columns > 0) {
      long elements = Math.addExact(Math.multiplyExact(rows - 1, rowStride), columns);
      long end = Math.addExact(offset, dtype.byteSize(elements));
      if (end > segment.byteSize()) {
        throw new IllegalArgumentException(
            "the matrix ends at byte %,d but its memory has %,d"
                .formatted(end, segment.byteSize()));
      }
    }
  }

  /** All of a host tensor; all axes but the last count as rows. */
  public static Matrix of(Tensor tensor) {
    Shape shape = tensor.shape();
    return new Matrix(
        tensor.dtype(), tensor.segment(), 0, shape.rows(), shape.columns(), shape.columns());
  }

  /** Rows {@code from} (inclusive) to {@code to} (exclusive), not copied. */
  public Matrix rows(long from, long to) {
    checkRange("rows", from, to, rows);
    return new Matrix(dtype, segment, byteOffset(from, 0), to - from, columns, rowStride);
  }

  /** Columns {@code from} (inclusive) to {@code to} (exclusive), not copied. */
  public Matrix columns(long from, long to) {
    checkRange("columns", from, to, columns);
    return new Matrix(dtype, segment, byteOffset(0, from), rows, to - from, rowStride);
  }

  private static void checkRange(String what, long from, long to, long count) {
    if (from < 0 || to < from || to > count) {
      throw new IllegalArgumentException(
          "%s %d to %d are not within 0 to %d".formatted(what, from, to, count));
    }
  }

  /** Number of elements. */
  public long elements() {
    return rows * columns;
  }

  /** Sizes as a shape, {@code [rows, columns]}. */
  public Shape shape() {
    return Shape.of(rows, columns);
  }

  /** Whether the rows follow each other without a gap. */
  public boolean isContiguous() {
    return rows <= 1 || rowStride == columns;
  }

  /** Byte offset of an element in {@link #segment()}. */
  public long byteOffset(long row, long column) {
    return offset + (row * rowStride + column) * (dtype.bits() >>> 3);
  }

  /** One element as a float. */
  public float get(long row, long column) {
    long at = byteOffset(row, column);
    return switch (dtype) {
      case BF16 -> Float.intBitsToFloat(segment.get(Tensor.SHORT, at) << 16);
      case F16 -> Float.float16ToFloat(segment.get(Tensor.SHORT, at));
      default -> segment.get(Tensor.FLOAT, at);
    };
  }

  /** Type and sizes, for messages; not the elements. */
  @Override
  public String toString() {
    return dtype + " [" + rows + ", " + columns + "] on host";
  }
}
