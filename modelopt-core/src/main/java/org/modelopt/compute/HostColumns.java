package org.modelopt.compute;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** What devices with memory of their own do better, in host memory. */
final class HostColumns {
  private static final int ROWS_PER_TASK = 64;

  private HostColumns() {}

  static double[] rowDots(Backend backend, Tensor a, Tensor b) {
    if (!a.shape().equals(b.shape())) {
      throw new IllegalArgumentException("rowDots: %s and %s differ in shape".formatted(a, b));
    }
    int columns = Math.toIntExact(a.shape().columns());
    double[] sums = new double[Math.toIntExact(a.shape().rows())];
    try (Scope scope = backend.openScope()) {
      float[] left = backend.toHost(a, scope).toFloats();
      float[] right = backend.toHost(b, scope).toFloats();
      backend
          .workers()
          .forRange(
              sums.length,
              ROWS_PER_TASK,
              (from, to) -> {
                for (int row = (int) from; row < to; row++) {
                  double sum = 0;
                  for (int i = row * columns; i < (row + 1) * columns; i++) {
                    sum += (double) left[i] * right[i];
                  }
                  sums[row] = sum;
                }
              });
    }
    return sums;
  }

  static Tensor scale(Backend backend, Tensor x, Tensor factors, Scope scope) {
    Tensor host = backend.toHost(x, scope);
    float[] by = backend.toHost(factors, scope).toFloats();
    if (by.length != x.shape().columns()) {
      throw new IllegalArgumentException(
          "%d factors for %d columns".formatted(by.length, x.shape().columns()));
    }
    Tensor allocated = scope.allocate(DType.F32, x.shape());
    Tensor wide =
        allocated.isOnHost() ? allocated : Tensor.allocate(Arena.ofAuto(), DType.F32, x.shape());
    backend
        .workers()
        .forRange(
            x.shape().rows(),
            ROWS_PER_TASK,
            (from, to) -> {
              float[] row = new float[by.length];
              for (long i = from; i < to; i++) {
                for (int j = 0; j < by.length; j++) {
                  row[j] = host.getFloat(i * by.length + j) * by[j];
                }
                MemorySegment.copy(
                    row, 0, wide.segment(), Tensor.FLOAT, i * by.length * 4L, by.length);
              }
            });
    return backend.toDevice(wide, x.dtype(), scope);
  }
}
