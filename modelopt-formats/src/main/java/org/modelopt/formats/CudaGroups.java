package org.modelopt.formats;

import org.modelopt.numeric.Granularity;

/**
 * How the elements of a matrix fall into rectangles that share a scale, numbered row by row.
 *
 * @param rows rows of a rectangle
 * @param columns columns of a rectangle
 * @param perRow rectangles beside each other
 * @param count all rectangles
 */
record CudaGroups(int rows, int columns, int perRow, long count) {
  static CudaGroups of(long rows, long columns, Granularity granularity) {
    int allRows = Math.toIntExact(Math.max(1, rows));
    int allColumns = Math.toIntExact(Math.max(1, columns));
    return switch (granularity) {
      case Granularity.PerTensor() -> new CudaGroups(allRows, allColumns, 1, 1);
      case Granularity.PerChannel(), Granularity.PerToken() ->
          new CudaGroups(1, allColumns, 1, rows);
      case Granularity.Block(int size) -> of(rows, columns, 1, size);
      case Granularity.Block2d(int tileRows, int tileColumns) ->
          of(rows, columns, tileRows, tileColumns);
    };
  }

  private static CudaGroups of(long rows, long columns, int groupRows, int groupColumns) {
    int perRow = Math.toIntExact(Math.ceilDiv(columns, (long) groupColumns));
    return new CudaGroups(
        groupRows, groupColumns, perRow, Math.ceilDiv(rows, (long) groupRows) * perRow);
  }

  /** Whether groups are runs of 16, 32 ... 256 elements that divide rows. */
  boolean areShortRuns(long matrixColumns) {
    return rows == 1
        && columns >= 16
        && columns <= 256
        && Integer.bitCount(columns) == 1
        && matrixColumns % columns == 0;
  }
}
