package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/**
 * The loops over all elements that K types are made with. All implementations give the same bits.
 */
interface KLoops {
  /**
   * Runs a {@link MinimumSearch} over all sub-blocks of a row.
   *
   * @param weights of all elements of the row; null for the search's own
   * @param columns elements of the row, a whole number of sub-blocks
   * @param size elements of a sub-block
   */
  MinimumResults minimum(
      MinimumSearch search, float[] x, float @Nullable [] weights, int columns, int size);

  /**
   * Runs a {@link SymmetricSearch} over all sub-blocks of a row.
   *
   * @param levels codes are {@code -levels} to {@code levels - 1}
   * @param weights of all elements of the row; null for their squares
   * @param columns elements of the row, a whole number of sub-blocks
   * @param size elements of a sub-block
   */
  SymmetricResults symmetric(
      int levels, float[] x, float @Nullable [] weights, int columns, int size);

  /**
   * Codes {@code near((x + addend) / divisor)} of {@code n} elements, a multiple of 16, within 0 to
   * {@code low + high} after {@code low} was added.
   */
  void round(
      float[] x,
      int from,
      int n,
      float addend,
      float divisor,
      int low,
      int high,
      byte[] codes,
      int at);

  /**
   * Results of a row; an array with a number for each sub-block, see {@link MinimumSearch.Result}.
   */
  final class MinimumResults {
    final float[] scales;
    final float[] depths;
    final float[] inverses;
    final float[] lows;

    MinimumResults(int count) {
      scales = new float[count];
      depths = new float[count];
      inverses = new float[count];
      lows = new float[count];
    }

    MinimumSearch.Result get(int b) {
      return new MinimumSearch.Result(scales[b], depths[b], inverses[b], lows[b]);
    }

    void set(int b, MinimumSearch.Result result) {
      scales[b] = result.scale();
      depths[b] = result.depth();
      inverses[b] = result.inverse();
      lows[b] = result.low();
    }
  }

  /** Results of a row; see {@link SymmetricSearch.Result}. */
  final class SymmetricResults {
    final float[] scales;
    final float[] inverses;

    SymmetricResults(int count) {
      scales = new float[count];
      inverses = new float[count];
    }

    SymmetricSearch.Result get(int b) {
      return new SymmetricSearch.Result(scales[b], inverses[b]);
    }
  }
}
