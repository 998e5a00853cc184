package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.modelopt.tensor.DType;

/**
 * A way to multiply matrices of F32 and BF16. Products are exact, sums are float32; results do not
 * depend on the number of threads.
 */
interface MatrixProduct extends AutoCloseable {
  /** Name and variant, for logs. */
  String description();

  /**
   * {@code y = a b + bias}.
   *
   * @param a {@code [m, k]}
   * @param b {@code [k, n]}
   * @param bias n elements, added to every row before rounding
   * @param y {@code [m, n]}, row-major, not overlapping the others
   */
  void multiply(Matrix a, Matrix b, Optional<Elements> bias, Matrix y);

  /**
   * A product of fixed sizes for callers that spread work over threads themselves; empty where this
   * way has none. Not to be kept beyond the next call of {@link #multiply}.
   */
  Optional<Tile> tile(Sizes sizes);

  /** Runs on the calling thread; several threads may run it at once. */
  @FunctionalInterface
  interface Tile {
    /** {@code y = a b}; native memory that begins with element (0, 0). */
    void multiply(MemorySegment a, MemorySegment b, MemorySegment y);
  }

  /**
   * Sizes and strides, in elements, of {@code y[m, n] = a[m, k] b[k, n]}.
   *
   * @param input type of a and b
   * @param result type of y
   * @param aRowStride distance of rows of a, which are contiguous
   * @param bRowStride distance of vertical neighbours in b; it or {@code bColumnStride} is 1
   * @param yRowStride distance of rows of y, which are contiguous
   */
  record Sizes(
      DType input,
      DType result,
      long m,
      long n,
      long k,
      long aRowStride,
      long bRowStride,
      long bColumnStride,
      long yRowStride) {}

  @Override
  void close();
}
