package org.modelopt.job;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Takes products of low rank out of weights. */
final class LowRank {
  private static final int ROWS_PER_TASK = 16;

  private LowRank() {}

  /**
   * {@code weight - up * down} in F32; each element a float32 sum over the rank in order.
   *
   * @param up {@code [out, rank]}
   * @param down {@code [rank, in]}
   */
  static Tensor subtract(Tensor weight, Tensor up, Tensor down, Workers workers, Arena arena) {
    int columns = Math.toIntExact(weight.shape().columns());
    int rank = Math.toIntExact(up.shape().columns());
    float[] right = down.toFloats();
    Tensor rest = Tensor.allocate(arena, DType.F32, weight.shape());
    workers.forRange(
        weight.shape().rows(),
        ROWS_PER_TASK,
        (from, to) -> {
          float[] row = new float[columns];
          float[] product = new float[columns];
          for (long i = from; i < to; i++) {
            Arrays.fill(product, 0);
            for (int k = 0; k < rank; k++) {
              float left = up.getFloat(i * rank + k);
              int base = k * columns;
              for (int j = 0; j < columns; j++) {
                product[j] += left * right[base + j];
              }
            }
            weight.copyFloats(i * columns, row, 0, columns);
            for (int j = 0; j < columns; j++) {
              row[j] -= product[j];
            }
            MemorySegment.copy(row, 0, rest.segment(), Tensor.FLOAT, i * columns * 4L, columns);
          }
        });
    return rest;
  }
}
