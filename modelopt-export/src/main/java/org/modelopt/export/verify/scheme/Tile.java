package org.modelopt.export.verify.scheme;

/**
 * The part of a weight that shares a scale.
 *
 * @param rows number of rows, 0 for all
 * @param columns number of columns, 0 for all
 */
public record Tile(long rows, long columns) {
  /** One scale for the whole weight. */
  public static final Tile TENSOR = new Tile(0, 0);

  /** One scale for each row. */
  public static final Tile ROW = new Tile(1, 0);

  /** One scale for each run of {@code columns} within a row; 0 for the whole row. */
  public static Tile group(long columns) {
    return new Tile(1, columns);
  }

  /** Rows of one tile in a weight of {@code total} rows. */
  public long rowsOf(long total) {
    return rows == 0 ? Math.max(total, 1) : rows;
  }

  /** Columns of one tile in a weight of {@code total} columns. */
  public long columnsOf(long total) {
    return columns == 0 ? Math.max(total, 1) : columns;
  }
}
