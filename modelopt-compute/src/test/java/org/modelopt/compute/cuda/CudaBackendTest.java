package org.modelopt.compute.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cpu.CpuBackend;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The GPU agrees with the CPU, operation by operation. Skipped where there is no GPU. */
class CudaBackendTest {
  private static CudaBackend gpu;
  private static CpuBackend cpu;

  @BeforeAll
  static void open() {
    gpu = Gpu.open();
    cpu = new CpuBackend(BackendOptions.defaults());
  }

  @AfterAll
  static void close() {
    if (gpu != null) {
      gpu.close();
      cpu.close();
    }
  }

  /** Inputs on one of the two devices, the same on both. */
  private record Inputs(Backend backend, Precision precision, Scope scope, Arena arena) {
    Tensor random(int seed, int... dims) {
      Shape shape = Shape.of(Arrays.stream(dims).asLongStream().toArray());
      Random random = new Random(seed);
      float[] values = new float[(int) shape.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      return on(Tensor.ofFloats(arena, shape, values));
    }

    Tensor on(Tensor host) {
      return backend.toDevice(host, precision.dtype(), scope);
    }
  }

  private static float[] run(Backend backend, Precision precision, Function<Inputs, Tensor> task) {
    try (Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      Tensor result = task.apply(new Inputs(backend, precision, scope, arena));
      return backend.toHost(result, scope).toFloats();
    }
  }

  /** Results may differ by {@code units} in the last place of numbers as large as the largest. */
  private static void agree(Precision precision, double units, Function<Inputs, Tensor> task) {
    float[] expected = run(cpu, precision, task);
    float[] actual = run(gpu, precision, task);
    assertEquals(expected.length, actual.length);
    double largest = 0;
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      double difference = Math.abs((double) expected[i] - actual[i]);
      worst = Math.max(worst, difference <= Float.MAX_VALUE ? difference : Double.MAX_VALUE);
    }
    double unit = precision == Precision.FLOAT32 ? 0x1p-23 : 0x1p-8;
    assertTrue(largest > 0);
    assertTrue(
        worst <= units * unit * largest,
        "off by %.3g units of the largest magnitude %.4g"
            .formatted(worst / unit / largest, largest));
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void products(Precision precision) {
    // 300 terms whose sum is about 17: errors of single sums are about sqrt(300) roundoffs.
    agree(
        precision,
        precision == Precision.FLOAT32 ? 40 : 1,
        in ->
            in.backend.linear(
                in.random(1, 37, 300),
                in.random(2, 45, 300),
                Optional.of(in.random(3, 45)),
                in.scope));
    agree(
        precision,
        precision == Precision.FLOAT32 ? 40 : 1,
        in ->
            in.backend.linear(
                in.random(1, 1, 300), in.random(2, 7, 300), Optional.empty(), in.scope));
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void secondMoments(Precision precision) {
    // Sums are float32 in both types; twice 300 terms.
    for (int from : new int[] {0, 40}) {
      assertArrayEquals(
          run(cpu, precision, in -> twice(in, from)),
          run(gpu, precision, in -> twice(in, from)),
          80 * 0x1p-23f * 300);
    }
  }

  private static Tensor twice(Inputs in, int from) {
    Tensor x = in.random(1, 300, 45);
    Tensor sum = in.scope.allocate(DType.F32, Shape.of(45 - from, 45 - from));
    in.backend.gram(x, from, 45, false, sum);
    in.backend.gram(x, from, 45, true, sum);
    return sum;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void factorsOfColumns(Precision precision) {
    for (int columns : new int[] {1, 45, 4096}) {
      agree(
          precision,
          0,
          in -> in.backend.scaleColumns(in.random(1, 7, columns), in.random(2, columns), in.scope));
    }
  }

  @Test
  void dotsOfRows() {
    for (int columns : new int[] {1, 45, 5000}) {
      double[] expected = dots(cpu, columns);
      double[] actual = dots(gpu, columns);
      assertArrayEquals(expected, actual, 1e-12 * columns);
    }
  }

  /** Factors lose 13 of their 24 bits on tensor cores. */
  @Test
  void quadraticsOfRows() {
    for (int columns : new int[] {1, 45, 512}) {
      double[] expected = quadratics(cpu, columns);
      double[] actual = quadratics(gpu, columns);
      assertArrayEquals(expected, actual, 1e-3 * columns);
    }
  }

  private static double[] quadratics(Backend backend, int columns) {
    try (Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      Inputs in = new Inputs(backend, Precision.FLOAT32, scope, arena);
      return backend.quadratics(in.random(1, 9, columns), in.random(2, columns, columns));
    }
  }

  private static double[] dots(Backend backend, int columns) {
    try (Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      Inputs in = new Inputs(backend, Precision.FLOAT32, scope, arena);
      return backend.rowDots(in.random(1, 9, columns), in.random(2, 9, columns));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void norms(Precision precision) {
    for (int columns : new int[] {1, 7, 64, 1000, 4096}) {
      for (NormSpec spec :
          List.of(
              NormSpec.rms(1e-5),
              new NormSpec(1e-6f, true, true),
              new NormSpec(1e-6f, true, false))) {
        agree(
            precision,
            precision == Precision.FLOAT32 ? 8 : 1,
            in ->
                in.backend.rmsNorm(
                    in.random(4, 9, columns), in.random(5, columns), spec, in.scope));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void rotations(Precision precision) {
    int[] starts = {0, 5, 5, 17};
    agree(
        precision,
        1,
        in -> {
          Scope scope = in.scope;
          Tensor angles = Tensor.ofFloats(in.arena, Shape.of(12, 10), angles(120));
          Tensor cos = in.backend.toDevice(angles, DType.F32, scope);
          Tensor sin = in.backend.toDevice(angles, DType.F32, scope);
          return in.backend.rotate(in.random(6, 17, 3 * 24), 24, cos, sin, starts, scope);
        });
  }

  private static float[] angles(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) Math.cos(i * 0.7);
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    // heads, key heads, size, value size, window, cap, chunk, sinks, tokens
    "4, 2, 64, 64, 0, 0, 0, false, 200",
    "4, 1, 128, 128, 0, 0, 0, false, 333",
    "4, 4, 128, 128, 100, 0, 0, false, 300",
    "2, 2, 64, 64, 0, 20, 0, false, 130",
    "2, 1, 64, 64, 33, 0, 0, true, 190",
    "2, 2, 192, 128, 0, 0, 0, false, 150",
    "2, 1, 256, 256, 0, 30, 0, false, 140",
    "3, 3, 16, 16, 0, 0, 0, false, 70",
    "2, 2, 24, 40, 5, 0, 0, false, 65",
    "2, 2, 64, 64, 0, 0, 64, false, 200",
    "2, 2, 10, 6, 0, 0, 0, true, 33",
    "1, 1, 128, 128, 0, 0, 0, false, 1"
  })
  void attention(
      int heads,
      int keyHeads,
      int size,
      int valueSize,
      int window,
      float cap,
      int chunk,
      boolean sinks,
      int tokens) {
    float scale = (float) (1 / Math.sqrt(size));
    AttentionSpec spec =
        new AttentionSpec(heads, keyHeads, size, valueSize, scale, window, cap, chunk);
    for (Precision precision : Precision.values()) {
      for (int[] starts : new int[][] {{0, tokens}, {0, tokens / 3, tokens}}) {
        agree(
            precision,
            precision == Precision.FLOAT32 ? 30 : 2,
            in ->
                in.backend.attention(
                    in.random(7, tokens, heads * size),
                    in.random(8, tokens, keyHeads * size),
                    in.random(9, tokens, keyHeads * valueSize),
                    spec,
                    sinks ? Optional.of(in.random(10, heads)) : Optional.empty(),
                    starts,
                    in.scope));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void attentionWithKeptKeys(Precision precision) {
    AttentionSpec spec = AttentionSpec.causal(4, 2, 64).withWindow(90);
    agree(
        precision,
        precision == Precision.FLOAT32 ? 30 : 2,
        in ->
            in.backend.attention(
                in.random(7, 70, 256),
                in.random(8, 231, 128),
                in.random(9, 231, 128),
                spec,
                Optional.empty(),
                new int[] {0, 70},
                in.scope));
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void elementwiseOperations(Precision precision) {
    for (Activation activation : Activation.values()) {
      agree(
          precision,
          precision == Precision.FLOAT32 ? 8 : 1,
          in ->
              in.backend.gated(activation, in.random(11, 13, 77), in.random(12, 13, 77), in.scope));
    }
    agree(
        precision, 0, in -> in.backend.add(in.random(11, 13, 77), in.random(12, 13, 77), in.scope));
    agree(precision, 0, in -> in.backend.scale(in.random(11, 13, 77), 0.3f, in.scope));
    agree(precision, 4, in -> in.backend.softCap(in.random(11, 13, 77), 1.5f, in.scope));
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void moves(Precision precision) {
    agree(
        precision,
        0,
        in ->
            in.backend.columns(
                List.of(in.random(1, 5, 9), in.random(2, 5, 20)),
                new int[] {3, 4, 5, 28, 9, 8, 3, 10, 11, 12},
                in.scope));
    for (int columns : new int[] {5, 64}) {
      agree(
          precision,
          0,
          in ->
              in.backend.mixRows(
                  List.of(in.random(1, 5, columns), in.random(2, 7, columns)),
                  new int[] {0, 11, 5, 4, 4, 6},
                  new float[] {0.5f, 0.25f, 1, 2, 0.1f, 0.3f},
                  2,
                  in.scope));
    }
    agree(
        precision,
        0,
        in -> {
          Tensor ids = Tensor.ofInts(in.arena, Shape.of(4), 3, 0, 8, 3);
          return in.backend.embed(
              in.backend.toDevice(ids, DType.I32, in.scope), in.random(1, 9, 33), in.scope);
        });
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void summaries(Precision precision) {
    for (int rows : new int[] {1, 63, 700}) {
      for (int columns : new int[] {8, 300}) {
        ChannelSummary expected = summary(cpu, precision, rows, columns);
        ChannelSummary actual = summary(gpu, precision, rows, columns);
        assertEquals(expected.rows(), actual.rows());
        assertArrayEquals(expected.amax(), actual.amax());
        for (int i = 0; i < columns; i++) {
          // Eight magnitudes at a time are added in float32.
          double bound = expected.absoluteSum()[i] * 0x1p-22;
          assertEquals(expected.absoluteSum()[i], actual.absoluteSum()[i], bound);
        }
      }
    }
  }

  private static ChannelSummary summary(
      Backend backend, Precision precision, int rows, int columns) {
    try (Scope scope = backend.openScope();
        Arena arena = Arena.ofShared()) {
      return backend.summarize(
          new Inputs(backend, precision, scope, arena).random(13, rows, columns));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void logLikelihoods(Precision precision) {
    int[] targets = {0, -1, 499, 250};
    double[] expected = new double[4];
    for (Backend backend : List.of(cpu, gpu)) {
      try (Scope scope = backend.openScope();
          Arena arena = Arena.ofShared()) {
        Tensor logits = new Inputs(backend, precision, scope, arena).random(14, 4, 500);
        double[] found = backend.logLikelihoods(logits, targets);
        if (backend == cpu) {
          expected = found;
        }
        assertArrayEquals(expected, found, 1e-5);
      }
    }
  }

  @Test
  void conversionsAreExact() {
    float[] values = new float[1 << 16];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat((i << 16) | ((i * 7919) & 0xFFFF));
    }
    try (Arena arena = Arena.ofShared();
        Scope scope = gpu.openScope();
        Scope other = cpu.openScope()) {
      Tensor floats = Tensor.ofFloats(arena, Shape.of(values.length), values);
      Tensor halves = Tensor.allocate(arena, DType.F16, Shape.of(values.length));
      for (int i = 0; i < values.length; i++) {
        halves.segment().set(Tensor.SHORT, 2L * i, (short) i);
      }
      Tensor actual = gpu.toHost(gpu.toDevice(floats, DType.BF16, scope), scope);
      assertEquals(
          -1, actual.segment().mismatch(cpu.toDevice(floats, DType.BF16, other).segment()));
      float[] expected = cpu.toDevice(halves, DType.F32, other).toFloats();
      assertArrayEquals(
          expected, gpu.toHost(gpu.toDevice(halves, DType.F32, scope), scope).toFloats());
      assertEquals(
          -1,
          gpu.toHost(gpu.toDevice(halves, DType.BF16, scope), scope)
              .segment()
              .mismatch(cpu.toDevice(halves, DType.BF16, other).segment()));
    }
  }

  @Test
  void largeTensorsComeBackAsTheyWere() {
    try (Arena arena = Arena.ofShared();
        Scope scope = gpu.openScope()) {
      Tensor large = Tensor.allocate(arena, DType.I32, Shape.of(30_000_001));
      for (long i = 0; i < large.shape().elements(); i++) {
        large
            .segment()
            .setAtIndex(java.lang.foreign.ValueLayout.JAVA_INT, i, (int) (i * 2654435761L));
      }
      Tensor device = gpu.toDevice(large, DType.I32, scope);
      assertFalse(device.isOnHost());
      assertEquals(-1, gpu.toHost(device, scope).segment().mismatch(large.segment()));
    }
  }

  @Test
  void tooMuchMemoryIsRefusedWithFigures() {
    try (Scope scope = gpu.openScope()) {
      DeviceException e =
          assertThrows(DeviceException.class, () -> scope.allocate(DType.F32, Shape.of(1L << 42)));
      assertTrue(e.getMessage().contains("17,592,186,044,416 bytes"), e.getMessage());
      assertFalse(scope.allocate(DType.F32, Shape.of(4)).isOnHost());
    }
  }

  @Test
  void closedScopesRefuseTheirTensors() {
    Tensor tensor;
    try (Scope scope = gpu.openScope()) {
      tensor = scope.allocate(DType.F32, Shape.of(4));
    }
    try (Scope scope = gpu.openScope()) {
      assertThrows(IllegalStateException.class, () -> gpu.toHost(tensor, scope));
    }
  }
}
