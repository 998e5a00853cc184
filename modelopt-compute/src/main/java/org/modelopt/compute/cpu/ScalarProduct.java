package org.modelopt.compute.cpu;

import java.util.Optional;
import org.modelopt.compute.Workers;

/**
 * Matrix product in plain Java. Each sum is cut into blocks of {@link #BLOCK} terms; a block is a
 * chain of fused multiply-adds from zero, and the blocks are added in order.
 */
final class ScalarProduct implements MatrixProduct {
  static final int BLOCK = 256;
  private static final int COLUMNS_PER_TASK = 16;

  private final Workers workers;

  ScalarProduct(Workers workers) {
    this.workers = workers;
  }

  @Override
  public String description() {
    return "scalar Java";
  }

  @Override
  public void multiply(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
    workers.forRange(
        b.columns(),
        COLUMNS_PER_TASK,
        (from, to) -> {
          for (long column = from; column < to; column++) {
            float offset = bias.isPresent() ? bias.get().get(column) : 0;
            for (long row = 0; row < a.rows(); row++) {
              float sum = dot(a, row, b, column);
              y.elements().set(y.index(row, column), bias.isPresent() ? sum + offset : sum);
            }
          }
        });
  }

  private static float dot(Matrix a, long row, Matrix b, long column) {
    float total = 0;
    for (long start = 0; start < a.columns(); start += BLOCK) {
      long end = Math.min(a.columns(), start + BLOCK);
      float sum = 0;
      for (long i = start; i < end; i++) {
        sum = Math.fma(a.get(row, i), b.get(i, column), sum);
      }
      total += sum;
    }
    return total;
  }

  @Override
  public void close() {}
}
