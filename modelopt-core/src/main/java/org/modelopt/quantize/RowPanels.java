package org.modelopt.quantize;

/** How many rows of a weight are worked on at a time, so that memory does not grow with it. */
final class RowPanels {
  private static final long ELEMENTS = 1 << 22;
  private static final long TILE = 128; // rows that share scales stay together

  private RowPanels() {}

  /** A multiple of 128. */
  static long rows(long columns) {
    return Math.max(1, ELEMENTS / columns / TILE) * TILE;
  }
}
