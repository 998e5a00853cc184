package org.modelopt.compute;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Products of columns and factors in host memory. */
final class HostColumns {
  private static final int ROWS_PER_TASK = 64;

  private HostColumns() {}

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
