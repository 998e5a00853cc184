package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/**
 * Conversion of one row of one type. Implementations hold no state and are used by many threads.
 */
interface BlockCodec {
  /**
   * Blocks nearest to {@code x[0 .. columns)}, by the type's own procedure.
   *
   * @param x finite values
   * @param columns a whole number of blocks
   * @param importance non-negative weight of the squared error of each column; null for none, and
   *     not looked at by types whose procedure has no use for it
   */
  void encode(float[] x, int columns, float @Nullable [] importance, byte[] out);

  /** What blocks stand for. */
  void decode(byte[] in, int columns, float[] x);
}
