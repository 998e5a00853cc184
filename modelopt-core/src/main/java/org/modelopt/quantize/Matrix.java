package org.modelopt.quantize;

/**
 * A float32 matrix on the heap, row-major: what algorithms take and give. They work on one weight
 * at a time, so that one linear is all there is of it.
 *
 * @param rows number of rows
 * @param columns number of columns
 * @param values {@code rows * columns} elements, not copied
 */
@SuppressWarnings("ArrayRecordComponent") // a view of work memory, passed on within one decision
public record Matrix(int rows, int columns, float[] values) {
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

  /** The element in row {@code row} and column {@code column}. */
  public float get(int row, int column) {
    return values[row * columns + column];
  }

  /** A copy with column j multiplied by {@code factors[j]}. */
  public Matrix scaleColumns(float[] factors) {
    float[] scaled = values.clone();
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= factors[i % columns];
    }
    return new Matrix(rows, columns, scaled);
  }
}
