package org.modelopt.formats;

import org.modelopt.formats.internal.Strip;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.Matrix;

/**
 * A matrix and how its elements fall into groups that share a scale. Groups are rectangles,
 * numbered row by row as scales are stored.
 *
 * @param original the matrix
 * @param x the matrix, or its elements in one row
 * @param groupRows rows of a group, at least 1
 * @param groupColumns columns of a group, at least 1; the last of a row may have fewer
 * @param groupsPerRow number of groups beside each other
 */
record Grid(Matrix original, Matrix x, long groupRows, long groupColumns, long groupsPerRow) {
  static Grid of(Matrix x, Granularity granularity) {
    long rows = Math.max(1, x.rows());
    long columns = Math.max(1, x.columns());
    return switch (granularity) {
      case Granularity.PerTensor() -> new Grid(x, x, rows, columns, 1);
      case Granularity.PerChannel(), Granularity.PerToken() -> new Grid(x, x, 1, columns, 1);
      case Granularity.Block(int size) -> of(x, 1, size);
      case Granularity.Block2d(int tileRows, int tileColumns) -> of(x, tileRows, tileColumns);
    };
  }

  private static Grid of(Matrix x, long groupRows, long groupColumns) {
    return new Grid(x, x, groupRows, groupColumns, Math.ceilDiv(x.columns(), groupColumns));
  }

  /**
   * The same elements as one long row, where they are one group without gaps; packed codes must not
   * notice, so rows must fill whole bytes.
   */
  Grid flattened(int bits) {
    boolean oneGroup = groupRows >= x.rows() && groupsPerRow == 1;
    if (!oneGroup || !x.isContiguous() || x.columns() * bits % 8 != 0 || x.rows() <= 1) {
      return this;
    }
    long n = x.elements();
    Matrix row = new Matrix(x.dtype(), x.segment(), x.offset(), 1, n, n);
    return new Grid(original, row, 1, Math.max(1, n), 1);
  }

  long groups() {
    return x.elements() == 0 ? 0 : Math.ceilDiv(x.rows(), groupRows) * groupsPerRow;
  }

  /** Number of the group that has an element. */
  long group(long row, long column) {
    return row / groupRows * groupsPerRow + column / groupColumns;
  }

  /** Makes {@code strip} one of {@code n} elements from an element on, in this grid's groups. */
  void place(Strip strip, long column, int n) {
    int head = (int) Math.min(groupColumns - column % groupColumns, Strip.CAPACITY);
    strip.reset(n, head, (int) Math.min(groupColumns, Strip.CAPACITY));
  }

  /** Whether whole groups fit a strip, so that their scales can be made strip by strip. */
  boolean groupsFitStrips() {
    return groupRows == 1 && groupColumns <= Strip.CAPACITY;
  }
}
