package org.modelopt.formats.ggml;

import java.util.Arrays;

/** Runs a {@link SymmetricSearch} over all sub-blocks of a row. All implementations agree. */
interface SymmetricSearches {
  /**
   * Searches.
   *
   * @param levels codes are {@code -levels} to {@code levels - 1}
   * @param columns elements of the row, a whole number of sub-blocks
   * @param size elements of a sub-block
   * @param scales receives one scale for each sub-block
   * @param codes receives {@code columns} codes
   */
  void run(
      int levels, float[] x, float[] weights, int columns, int size, float[] scales, float[] codes);

  /** One sub-block after the other. */
  SymmetricSearches SCALAR =
      (levels, x, weights, columns, size, scales, codes) -> {
        float[] block = new float[size];
        for (int b = 0; b < columns / size; b++) {
          float[] w = Arrays.copyOfRange(weights, b * size, (b + 1) * size);
          scales[b] = SymmetricSearch.run(x, b * size, w, size, levels, block);
          System.arraycopy(block, 0, codes, b * size, size);
        }
      };
}
