package org.modelopt.compute.cpu;

import org.modelopt.compute.Activation;

/**
 * The loops that all operations are made of, over arrays of floats that fit a cache; ranges are
 * {@code from} (inclusive) to {@code to} (exclusive).
 *
 * <p>All implementations give the same bits. Elementwise functions are those of {@link FloatMath}.
 * Sums along a row run in {@link #LANES} lanes: the i-th term is added to lane i mod 64 in order of
 * i, then lane i + n is added to lane i for all i below n = 32, 16, 8, 4, 2, 1.
 */
interface Kernels {
  /** Lanes of a sum along a row: a multiple of the elements of any vector. */
  int LANES = 64;

  /** Terms of a matrix product's sum that form one chain of fused multiply-adds. */
  int DEPTH = 256;

  /** Name and variant, for logs. */
  String description();

  /** The values of {@code count} bfloat16 patterns. */
  void decode(short[] patterns, float[] values, int first, int count);

  /** The bfloat16 patterns nearest to {@code count} values, ties to even. */
  void encode(float[] values, int first, short[] patterns, int count);

  /** Rounds values to bfloat16. */
  void round(float[] x, int from, int to);

  /** {@code x += y}. */
  void add(float[] x, float[] y, int count);

  /** {@code x *= y}. */
  void multiply(float[] x, float[] y, int count);

  /** {@code x += y * factor}, fused. */
  void addScaled(float[] x, float[] y, int count, float factor);

  /** {@code x = min(max(x, -limit), limit) + 1}. */
  void clampAddOne(float[] x, int count, float limit);

  /** {@code x *= factor}. */
  void scale(float[] x, int from, int to, float factor);

  /** {@code x /= divisor}. */
  void divide(float[] x, int from, int to, float divisor);

  /** {@code x = activation(x)}. */
  void activate(Activation activation, float[] x, int count);

  /** {@code x = cap * tanh(x / cap)}. */
  void cap(float[] x, int from, int to, float cap);

  /**
   * Rotates the pairs {@code (x[i], x[i + half])} for {@code half} indices i from {@code first} on:
   * {@code (a cos - b sin, b cos + a sin)}, the products rounded to bfloat16 if {@code rounding}.
   */
  void rotate(float[] x, int first, int half, float[] cos, float[] sin, boolean rounding);

  /** Sum of squares, each added by a fused multiply-add. */
  float sumOfSquares(float[] x, int count);

  /** The largest value; NaN if there is one; negative infinity of none. */
  float max(float[] x, int from, int to);

  /** {@code x = e^(x - shift)}; returns the sum of the results. */
  float exponentials(float[] x, int from, int to, float shift);

  /** Adds {@code e^(x - shift)} in float64 to {@link #LANES} lanes; {@code shift >= x}. */
  void addExponentials(float[] x, int count, float shift, double[] lanes);

  /** {@code amax = max(amax, |x|)} and {@code sums += |x|}. */
  void accumulate(float[] x, int count, float[] amax, double[] sums, int first);

  /** Whether no value is infinite or NaN. */
  boolean allFinite(float[] x, int from, int to);

  /** Columns of a panel. */
  int panelColumns();

  /** Four lines of {@code count} elements to four neighbouring columns of a panel. */
  void interleave(float[][] lines, int count, float[] panel, int first);

  /**
   * {@code c += a b}: for every element a chain of fused multiply-adds from zero over {@code depth}
   * terms, whose end is added to c.
   *
   * @param a {@code rows} rows of at least {@code depth} elements
   * @param b panels of {@code depth} rows
   * @param c {@code rows} rows of as many elements as b has columns
   */
  void multiply(Rows a, int rows, Panels b, int depth, Rows c);

  /**
   * Rows within an array.
   *
   * @param values the array
   * @param first index of the first element
   * @param stride distance of rows
   */
  @SuppressWarnings("ArrayRecordComponent") // a view
  record Rows(float[] values, int first, int stride) {
    /** The rows from {@code row} on, their elements from {@code column} on. */
    Rows at(int row, int column) {
      return new Rows(values, first + row * stride + column, stride);
    }
  }

  /**
   * A matrix cut into panels of {@link #panelColumns} columns, each stored row by row.
   *
   * @param values the array
   * @param first index of the first element
   * @param stride distance of panels
   * @param count number of panels
   */
  @SuppressWarnings("ArrayRecordComponent") // a view
  record Panels(float[] values, int first, int stride, int count) {}
}
