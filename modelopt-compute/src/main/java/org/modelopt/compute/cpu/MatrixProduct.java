package org.modelopt.compute.cpu;

import java.util.Optional;

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

  @Override
  void close();
}
