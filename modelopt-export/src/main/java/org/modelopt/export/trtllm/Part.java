package org.modelopt.export.trtllm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * The rows and columns of a weight that one rank has.
 *
 * @param rank the rank
 * @param fromRow first row
 * @param rows number of rows
 * @param fromColumn first column
 * @param columns number of columns
 */
record Part(int rank, long fromRow, long rows, long fromColumn, long columns) {
  /**
   * The part of a matrix that has {@code columnsPerElement} columns of the weight in each element.
   *
   * @param matrix {@code [weight rows, weight columns / columnsPerElement]}
   */
  Tensor of(Tensor matrix, int columnsPerElement, Arena arena) {
    long from = fromColumn / columnsPerElement;
    long width = columns / columnsPerElement;
    if (from == 0 && width == matrix.shape().columns()) {
      return matrix.rows(fromRow, fromRow + rows);
    }
    Tensor part = Tensor.allocate(arena, matrix.dtype(), Shape.of(rows, width));
    int bytes = matrix.dtype().bits() / 8;
    long stride = matrix.shape().columns() * bytes;
    for (long r = 0; r < rows; r++) {
      MemorySegment.copy(
          matrix.segment(),
          (fromRow + r) * stride + from * bytes,
          part.segment(),
          r * width * bytes,
          width * bytes);
    }
    return part;
  }

  /** Columns of a vector that has an element for each column of the weight. */
  Tensor columnsOf(Tensor vector, Arena arena) {
    Tensor row = vector.reshape(Shape.of(1, vector.shape().elements()));
    return new Part(rank, 0, 1, fromColumn, columns).of(row, 1, arena).reshape(Shape.of(columns));
  }

  /** Rows of a vector that has an element for each row of the weight. */
  Tensor rowsOf(Tensor vector) {
    return vector.rows(fromRow, fromRow + rows);
  }

  /** A vector of zeros in place of one that another rank adds. */
  static Tensor zeros(DType dtype, Shape shape, Arena arena) {
    return Tensor.allocate(arena, dtype, shape);
  }
}
