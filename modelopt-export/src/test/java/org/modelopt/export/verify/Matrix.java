package org.modelopt.export.verify;

/** A weight [rows, columns] that test encoders work on. */
final class Matrix {
  private final int rows;
  private final int columns;
  private final float[] values;

  Matrix(int rows, int columns, float[] values) {
    this.rows = rows;
    this.columns = columns;
    this.values = values;
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  float[] values() {
    return values;
  }

  static Matrix of(TestTensor tensor) {
    return new Matrix((int) tensor.dims()[0], (int) tensor.dims()[1], tensor.floats());
  }

  float get(int row, int column) {
    return values[row * columns + column];
  }

  /** Largest magnitude in a tile. */
  float amax(int fromRow, int toRow, int fromColumn, int toColumn) {
    float amax = 0;
    for (int r = fromRow; r < toRow; r++) {
      for (int c = fromColumn; c < toColumn; c++) {
        amax = Math.max(amax, Math.abs(get(r, c)));
      }
    }
    return amax;
  }

  float amax() {
    return amax(0, rows, 0, columns);
  }

  long[] dims() {
    return new long[] {rows, columns};
  }
}
