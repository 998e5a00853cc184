package org.modelopt.export.verify.value;

import org.jspecify.annotations.Nullable;

/** Factors between two layers, and where to note down what a comparison sees of them. */
final class ChannelFactors {
  /** No factors; nothing is noted down. */
  static final ChannelFactors NONE = new ChannelFactors(null, null, null, null);

  private final float @Nullable [] rows;
  private final float @Nullable [] columns;
  private final @Nullable Slopes rowSlopes;
  private final @Nullable Slopes columnSlopes;

  /**
   * Factors of one weight.
   *
   * @param rows what the rows of the export's weight and bias are multiplied by; null for nothing
   * @param columns what the input of the export's weight is multiplied by, so that its columns are
   *     divided by it; null for nothing
   * @param rowSlopes receives slopes of rows
   * @param columnSlopes receives slopes of columns
   */
  ChannelFactors(
      float @Nullable [] rows,
      float @Nullable [] columns,
      @Nullable Slopes rowSlopes,
      @Nullable Slopes columnSlopes) {
    this.rows = rows;
    this.columns = columns;
    this.rowSlopes = rowSlopes;
    this.columnSlopes = columnSlopes;
  }

  float @Nullable [] rows() {
    return rows;
  }

  float @Nullable [] columns() {
    return columns;
  }

  @Nullable Slopes rowSlopes() {
    return rowSlopes;
  }

  @Nullable Slopes columnSlopes() {
    return columnSlopes;
  }
}
