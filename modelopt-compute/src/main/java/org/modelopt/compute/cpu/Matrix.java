package org.modelopt.compute.cpu;

/**
 * A matrix within a larger array: element (r, c) is at {@code first + r * rowStride + c *
 * columnStride}.
 *
 * @param elements the array
 * @param first index of element (0, 0)
 * @param rows number of rows
 * @param columns number of columns
 * @param rowStride distance of vertical neighbours in elements
 * @param columnStride distance of horizontal neighbours in elements
 */
record Matrix(
    Elements elements, long first, long rows, long columns, long rowStride, long columnStride) {
  /** The whole array as a row-major matrix. */
  static Matrix of(Elements elements, long rows, long columns) {
    return new Matrix(elements, 0, rows, columns, columns, 1);
  }

  /** The same elements with rows and columns exchanged. */
  Matrix transposed() {
    return new Matrix(elements, first, columns, rows, columnStride, rowStride);
  }

  /** Rows {@code from} to {@code to}. */
  Matrix rows(long from, long to) {
    return new Matrix(
        elements, first + from * rowStride, to - from, columns, rowStride, columnStride);
  }

  /** Columns {@code from} to {@code to}. */
  Matrix columns(long from, long to) {
    return transposed().rows(from, to).transposed();
  }

  /** Index of an element in the array. */
  long index(long row, long column) {
    return first + row * rowStride + column * columnStride;
  }
}
