package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A float32 matrix on the heap, row-major: what algorithms take and give. They work on some rows of
 * one weight at a time, so that this is all there is of it.
 *
 * @param rows number of rows
 * @param columns number of columns
 * @param values {@code rows * columns} elements, not copied
 */
@SuppressWarnings("ArrayRecordComponent") // a view of work memory, passed on within one decision
public record Matrix(int rows, int columns, float[] values) {
  private static final int ROWS_PER_TASK = 16;

  /** Checks the size. */
  public Matrix {
    if ((long) rows * columns != values.length) {
      throw new IllegalArgumentException(
          "a matrix of %d x %d needs %d elements, not %d"
              .formatted(rows, columns, (long) rows * columns, values.length));
    }
  }

  /** A matrix of zeros. */
  public static Matrix zeros(int rows, int columns) {
    return new Matrix(rows, columns, new float[Math.multiplyExact(rows, columns)]);
  }

  /** A copy of a host tensor of F32, BF16 or F16 {@code [rows, columns]}. */
  public static Matrix copyOf(Tensor tensor, Workers workers) {
    int columns = Math.toIntExact(tensor.shape().columns());
    Matrix copy = zeros(Math.toIntExact(tensor.shape().rows()), columns);
    workers.forRange(
        copy.rows,
        ROWS_PER_TASK,
        (from, to) -> {
          int count = (int) (to - from) * columns;
          tensor.copyFloats(from * columns, copy.values, (int) from * columns, count);
        });
    return copy;
  }

  /** A copy as an F32 tensor in memory of {@code arena}. */
  public Tensor toTensor(Arena arena) {
    Tensor tensor = Tensor.allocate(arena, DType.F32, Shape.of(rows, columns));
    MemorySegment.copy(values, 0, tensor.segment(), Tensor.FLOAT, 0, values.length);
    return tensor;
  }

  /** The element in row {@code row} and column {@code column}. */
  public float get(int row, int column) {
    return values[row * columns + column];
  }

  /** A copy with column j multiplied by {@code factors[j]}. */
  public Matrix scaleColumns(float[] factors, Workers workers) {
    float[] scaled = new float[values.length];
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          for (int row = (int) from; row < to; row++) {
            int base = row * columns;
            for (int j = 0; j < columns; j++) {
              scaled[base + j] = values[base + j] * factors[j];
            }
          }
        });
    return new Matrix(rows, columns, scaled);
  }
}
