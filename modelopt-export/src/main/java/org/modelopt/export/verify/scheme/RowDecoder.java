package org.modelopt.export.verify.scheme;

/** Reads the rows of one quantized weight as the real numbers that its consumer computes with. */
@FunctionalInterface
public interface RowDecoder {
  /**
   * Decodes rows {@code from} to {@code from + rows} of a weight [N, K].
   *
   * @param from first row
   * @param rows number of rows
   * @param values receives {@code rows * K} values, row-major
   * @param steps receives for each value the distance of two neighbouring codes, if the format has
   *     evenly spaced codes; untouched otherwise
   */
  void decode(long from, int rows, float[] values, float[] steps);
}
