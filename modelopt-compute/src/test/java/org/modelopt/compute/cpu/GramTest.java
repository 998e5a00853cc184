package org.modelopt.compute.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Scope;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Rows of second moments against sums in float64. */
class GramTest {
  private static CpuBackend open(Rung rung, int threads) {
    try {
      return new CpuBackend(BackendOptions.defaults().withThreads(threads), Optional.of(rung));
    } catch (DeviceException e) {
      assumeTrue(rung != Rung.ONEDNN, e.getMessage());
      throw e;
    }
  }

  private static Tensor random(Arena arena, int rows, int columns) {
    Random random = new Random(rows * 31L + columns);
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.ofFloats(arena, Shape.of(rows, columns), values);
  }

  @ParameterizedTest
  @CsvSource({
    "SCALAR, F32",
    "SCALAR, BF16",
    "VECTOR, F32",
    "VECTOR, BF16",
    "ONEDNN, F32",
    "ONEDNN, BF16"
  })
  void productsOfColumnsHaveFloat32Sums(Rung rung, DType dtype) {
    try (CpuBackend backend = open(rung, 2);
        CpuBackend alone = open(rung, 1);
        Arena arena = Arena.ofShared()) {
      for (int[] size : new int[][] {{1, 5, 0, 5}, {37, 70, 0, 64}, {333, 300, 256, 300}}) {
        int rows = size[0];
        int columns = size[1];
        int from = size[2];
        int to = size[3];
        try (Scope scope = backend.openScope()) {
          Tensor x = backend.toDevice(random(arena, rows, columns), dtype, scope);
          Tensor gram = scope.allocate(DType.F32, Shape.of(to - from, columns - from));
          backend.gram(x, from, to, false, gram);
          for (int i = from; i < to; i++) {
            for (int j = from; j < columns; j++) {
              double sum = 0;
              double magnitude = 0;
              for (int t = 0; t < rows; t++) {
                double term =
                    (double) x.getFloat((long) t * columns + i)
                        * x.getFloat((long) t * columns + j);
                sum += term;
                magnitude += Math.abs(term);
              }
              float found = gram.getFloat((long) (i - from) * (columns - from) + j - from);
              assertEquals(sum, found, 0x1p-23 * (4 + Math.sqrt(rows)) * magnitude, rung + " " + x);
            }
          }
          float[] once = gram.toFloats();
          Tensor again = scope.allocate(DType.F32, gram.shape());
          alone.gram(x, from, to, false, again);
          assertArrayEquals(once, again.toFloats(), "threads change nothing");
          backend.gram(x, from, to, true, gram);
          for (int i = 0; i < once.length; i++) {
            assertEquals(2 * once[i], gram.getFloat(i));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 2", "2, 2", "0, 5"})
  void columnsThatAreNotThereAreRefused(int from, int to) {
    try (CpuBackend backend = open(Rung.SCALAR, 1);
        Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      Tensor x = random(arena, 3, 4);
      Tensor sum = scope.allocate(DType.F32, Shape.of(2, 4));
      assertThrows(IllegalArgumentException.class, () -> backend.gram(x, from, to, true, sum));
    }
  }
}
