package org.modelopt.compute.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class OneDnnProductTest {
  private static final Arena ARENA = Arena.ofShared();
  private static Fixture one;
  private static Fixture two;

  /** A product, what it computes with, and the tiles it hands on. */
  private record Fixture(Workers workers, BufferPool pool, MatrixProduct product)
      implements AutoCloseable {
    static Fixture of(int threads) {
      Workers workers = new Workers(threads);
      BufferPool pool = new BufferPool();
      return new Fixture(
          workers, pool, Rungs.choose(Optional.of(Rung.ONEDNN), workers, pool).product());
    }

    @Override
    public void close() {
      product.close();
      workers.close();
      pool.close();
    }
  }

  @BeforeAll
  static void open() {
    one = Fixture.of(1);
    two = Fixture.of(2);
  }

  @AfterAll
  static void close() {
    one.close();
    two.close();
    ARENA.close();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 128, 128",
    "2, 256, 129",
    "3, 130, 257",
    "7, 777, 1001",
    "33, 1000, 77",
    "130, 512, 64",
    "513, 65, 300",
    "1025, 257, 96",
    "40, 1, 20000",
    "5, 16385, 1"
  })
  void everyElementIsWithinTheBoundOfItsSum(int m, int n, int k) {
    for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
      for (boolean biased : new boolean[] {false, true}) {
        Tensor x = random(dtype, m, k, 1);
        Tensor w = random(dtype, n, k, 2);
        Optional<Tensor> bias = biased ? Optional.of(random(dtype, 1, n, 3)) : Optional.empty();
        checkAgainstExact(multiply(two, x, w, bias), x, w, bias);
      }
    }
  }

  /** Sampled elements against a float64 sum. */
  private static void checkAgainstExact(Tensor y, Tensor x, Tensor w, Optional<Tensor> bias) {
    long m = x.shape().dim(0);
    long n = w.shape().dim(0);
    long k = x.shape().dim(1);
    float[] a = x.toFloats();
    float[] b = w.toFloats();
    SplittableRandom random = new SplittableRandom(4);
    for (int sample = 0; sample < 2000; sample++) {
      // Edges first, where a wrong tile would show.
      int i = (int) (sample < 500 ? m - 1 - sample % Math.min(m, 3) : random.nextLong(m));
      int j = (int) (sample < 1000 ? n - 1 - sample % Math.min(n, 5) : random.nextLong(n));
      double exact = bias.isPresent() ? bias.get().getFloat(j) : 0;
      double magnitude = Math.abs(exact);
      for (int t = 0; t < k; t++) {
        double term = (double) a[(int) (i * k + t)] * b[(int) (j * k + t)];
        exact += term;
        magnitude += Math.abs(term);
      }
      // k products, k - 1 additions and a bias, each rounded once or, in pairs of bfloat16, twice;
      // unit roundoff of float32 is 2^-24, of bfloat16, to which a result is rounded last, 2^-8.
      double bound = 2.0 * (k + 1) * 0x1p-24 * magnitude;
      if (y.dtype() == DType.BF16) {
        bound += (Math.abs(exact) + bound) * 0x1p-8;
      }
      float actual = y.getFloat(i * n + j);
      assertTrue(
          Math.abs(actual - exact) <= bound,
          "[%d, %d] is %s, exact %s, bound %s".formatted(i, j, actual, exact, bound));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void oneAndTwoThreadsGiveTheSameBits(DType dtype) {
    Tensor x = random(dtype, 700, 300, 1);
    Tensor w = random(dtype, 1030, 300, 2);
    assertEquals(
        -1,
        multiply(one, x, w, Optional.empty())
            .segment()
            .mismatch(multiply(two, x, w, Optional.empty()).segment()));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 31, 64, 100, 511, 513, 600})
  void aRowHasTheSameBitsAloneAndAmongOthers(int rows) {
    for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
      int k = 515;
      int n = 384;
      Tensor x = random(dtype, 640, k, 1);
      Tensor w = random(dtype, n, k, 2);
      Tensor all = multiply(two, x, w, Optional.empty());
      Tensor last = multiply(two, x.rows(640 - rows, 640), w, Optional.empty());
      assertEquals(-1, all.rows(640 - rows, 640).segment().mismatch(last.segment()), dtype::name);
    }
  }

  @Test
  void transposedOperandsGiveTheGramMatrix() {
    int tokens = 300;
    int channels = 129;
    Tensor x = random(DType.F32, tokens, channels, 1);
    Matrix rows = Matrix.of(Elements.of(x), tokens, channels);
    Tensor y = Tensor.allocate(ARENA, DType.F32, Shape.of(channels, channels));
    two.product()
        .multiply(
            rows.transposed(),
            rows,
            Optional.empty(),
            Matrix.of(Elements.of(y), channels, channels));
    float[] values = x.toFloats();
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j < channels; j++) {
        double exact = 0;
        double magnitude = 0;
        for (int t = 0; t < tokens; t++) {
          double term = (double) values[t * channels + i] * values[t * channels + j];
          exact += term;
          magnitude += Math.abs(term);
        }
        double bound = tokens * 0x1p-24 * magnitude; // one rounding per fused multiply-add
        assertEquals(exact, y.getFloat((long) i * channels + j), bound);
      }
    }
  }

  @Test
  void notANumberStaysInItsRow() {
    for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
      int n = 256;
      int k = 128;
      Tensor clean = random(dtype, 20, k, 1);
      Tensor x = random(dtype, 20, k, 1);
      long at = (7L * k + 5) * dtype.byteSize(1);
      if (dtype == DType.F32) {
        x.segment().set(Tensor.FLOAT, at, Float.NaN);
      } else {
        x.segment().set(Tensor.SHORT, at, (short) Bfloat16.NAN);
      }
      Tensor w = random(dtype, n, k, 2);
      Tensor expected = multiply(two, clean, w, Optional.empty());
      Tensor y = multiply(two, x, w, Optional.empty());
      for (int j = 0; j < n; j++) {
        assertTrue(Float.isNaN(y.getFloat(7L * n + j)));
      }
      assertEquals(-1, expected.rows(0, 7).segment().mismatch(y.rows(0, 7).segment()));
      assertEquals(-1, expected.rows(8, 20).segment().mismatch(y.rows(8, 20).segment()));
    }
  }

  @Test
  void noRowsGiveNoResult() {
    Tensor w = random(DType.F32, 256, 128, 2);
    Matrix none = new Matrix(Elements.of(w), 0, 0, 128, 128, 1);
    Matrix result = new Matrix(Elements.of(w), 0, 0, 256, 256, 1);
    two.product()
        .multiply(none, Matrix.of(Elements.of(w), 256, 128).transposed(), Optional.empty(), result);
  }

  @Test
  void heightsOfTilesAreTheNextOfAShortList() {
    assertEquals(2, OneDnnProduct.heightAtLeast(1));
    assertEquals(6, OneDnnProduct.heightAtLeast(5));
    assertEquals(512, OneDnnProduct.heightAtLeast(385));
    assertEquals(2, OneDnnProduct.heightAtMost(2));
    assertEquals(384, OneDnnProduct.heightAtMost(511));
    assertEquals(8, OneDnnProduct.heightAtMost(11));
  }

  private static Tensor multiply(Fixture fixture, Tensor x, Tensor w, Optional<Tensor> bias) {
    long m = x.shape().dim(0);
    long n = w.shape().dim(0);
    long k = x.shape().dim(1);
    Tensor y = Tensor.allocate(ARENA, x.dtype(), Shape.of(m, n));
    fixture
        .product()
        .multiply(
            Matrix.of(Elements.of(x), m, k),
            Matrix.of(Elements.of(w), n, k).transposed(),
            bias.map(Elements::of),
            Matrix.of(Elements.of(y), m, n));
    return y;
  }

  private static Tensor random(DType dtype, long rows, long columns, long seed) {
    Tensor tensor = Tensor.allocate(ARENA, dtype, Shape.of(rows, columns));
    MemorySegment segment = tensor.segment();
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < rows * columns; i++) {
      float value = (float) random.nextDouble(-1, 1);
      if (dtype == DType.F32) {
        segment.set(Tensor.FLOAT, i << 2, value);
      } else {
        segment.set(Tensor.SHORT, i << 1, Bfloat16.encode(value));
      }
    }
    return tensor;
  }
}
