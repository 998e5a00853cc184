package org.modelopt.formats.ggml;

import java.util.Arrays;

/** Runs a {@link MinimumSearch} over all sub-blocks of a row. All implementations agree. */
interface MinimumSearches {
  /**
   * Searches.
   *
   * @param columns elements of the row, a whole number of sub-blocks
   * @param size elements of a sub-block
   * @param scales receives one scale for each sub-block
   * @param depths receives one negated minimum for each sub-block
   * @param codes receives {@code columns} codes
   */
  void run(
      MinimumSearch search,
      float[] x,
      float[] weights,
      int columns,
      int size,
      float[] scales,
      float[] depths,
      float[] codes);

  /** One sub-block after the other. */
  MinimumSearches SCALAR =
      (search, x, weights, columns, size, scales, depths, codes) -> {
        float[] block = new float[size];
        for (int b = 0; b < columns / size; b++) {
          float[] w = Arrays.copyOfRange(weights, b * size, (b + 1) * size);
          MinimumSearch.Result found = search.run(x, b * size, w, size, block);
          scales[b] = found.scale();
          depths[b] = found.depth();
          System.arraycopy(block, 0, codes, b * size, size);
        }
      };
}
