package org.modelopt.export.verify.scheme;

import java.util.Arrays;
import org.modelopt.tensor.Tensor;

/** Spreads the scales of tiles over the elements of a row. */
final class ScaleRows {
  private final Tensor scales;
  private final long tileRows;
  private final int tileColumns;
  private final int columns;
  private final long tilesAcross;
  private final float factor;

  /**
   * Scales of a weight [n, k], stored row-major with one for each tile; incomplete tiles at the
   * edges have one, too.
   *
   * @param factor what every scale is multiplied by
   */
  ScaleRows(Tensor scales, Tile tile, long n, long k, float factor) {
    this.scales = scales;
    this.tileRows = tile.rowsOf(n);
    this.columns = Math.toIntExact(k);
    this.tileColumns = Math.toIntExact(Math.min(tile.columnsOf(k), Math.max(k, 1)));
    this.tilesAcross = Math.ceilDiv(columns, tileColumns);
    this.factor = factor;
  }

  /** Puts the scale of each element of {@code row} into {@code out}, from {@code at} on. */
  void read(long row, float[] out, int at) {
    long first = row / tileRows * tilesAcross;
    for (int tile = 0; tile < tilesAcross; tile++) {
      int from = tile * tileColumns;
      int to = Math.min(from + tileColumns, columns);
      Arrays.fill(out, at + from, at + to, Decode.scale(scales, first + tile) * factor);
    }
  }
}
