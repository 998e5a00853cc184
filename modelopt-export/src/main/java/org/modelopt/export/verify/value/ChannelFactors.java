package org.modelopt.export.verify.value;

import org.jspecify.annotations.Nullable;

/**
 * Factors between two layers, and where to note down what the comparison sees of them.
 *
 * @param rows what the rows of the export's weight and bias are multiplied by; null for nothing
 * @param columns what the input of the export's weight is multiplied by, so that its columns are
 *     divided by it; null for nothing
 * @param rowSlopes receives slopes of rows
 * @param columnSlopes receives slopes of columns
 */
record ChannelFactors(
    float @Nullable [] rows,
    float @Nullable [] columns,
    @Nullable Slopes rowSlopes,
    @Nullable Slopes columnSlopes) {
  static final ChannelFactors NONE = new ChannelFactors(null, null, null, null);
}
