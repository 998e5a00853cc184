package org.modelopt.compute.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Operations that decoders other than Llama need, in both rungs that are always there. */
class DecoderOperationsTest {
  private interface Check {
    void run(CpuBackend backend, Scope scope, Arena arena);
  }

  private static void onBothRungs(Check check) {
    for (Rung rung : List.of(Rung.SCALAR, Rung.VECTOR)) {
      try (CpuBackend backend =
              new CpuBackend(BackendOptions.defaults().withThreads(2), Optional.of(rung));
          Scope scope = backend.openScope();
          Arena arena = Arena.ofShared()) {
        check.run(backend, scope, arena);
      }
    }
  }

  private static Tensor random(Arena arena, int seed, int rows, int columns) {
    Random random = new Random(seed);
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.ofFloats(arena, Shape.of(rows, columns), values);
  }

  @Test
  void columnsSplitsReordersAndRepeats() {
    onBothRungs((backend, scope, arena) -> {
      Tensor x = Tensor.ofFloats(arena, Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
      Tensor y = Tensor.ofFloats(arena, Shape.of(2, 2), 7, 8, 9, 10);
      Tensor z = backend.columns(List.of(x, y), new int[] {4, 3, 1, 2, 4, 0}, scope);
      assertArrayEquals(new float[] {8, 7, 2, 3, 8, 1, 10, 9, 5, 6, 10, 4}, z.toFloats());
      assertThrows(
          IllegalArgumentException.class,
          () -> backend.columns(List.of(x, y), new int[] {5}, scope));
    });
  }

  @Test
  void columnsCopiesLongRunsOfBfloat16() {
    onBothRungs((backend, scope, arena) -> {
      Tensor x = backend.toDevice(random(arena, 1, 3, 70), DType.BF16, scope);
      int[] last = IntStream.range(20, 70).toArray();
      float[] expected = new float[150];
      for (int i = 0; i < 150; i++) {
        expected[i] = x.getFloat(i / 50 * 70 + 20 + i % 50);
      }
      assertArrayEquals(expected, backend.columns(List.of(x), last, scope).toFloats());
    });
  }

  @Test
  void mixRowsWeighsRowsOfStackedSources() {
    onBothRungs((backend, scope, arena) -> {
      Tensor x = Tensor.ofFloats(arena, Shape.of(2, 2), 1, 2, 3, 4);
      Tensor y = Tensor.ofFloats(arena, Shape.of(1, 2), 10, 20);
      Tensor z =
          backend.mixRows(
              List.of(x, y), new int[] {0, 2, 1, 1}, new float[] {2, 1, 0.5f, 1}, 2, scope);
      assertArrayEquals(new float[] {12, 24, 4.5f, 6}, z.toFloats());
    });
  }

  @Test
  void keptKeysGiveTheSameAsOnePass() {
    onBothRungs((backend, scope, arena) -> {
      AttentionSpec spec = AttentionSpec.causal(4, 2, 8).withWindow(5);
      Tensor q = random(arena, 2, 23, 32);
      Tensor k = random(arena, 3, 23, 16);
      Tensor v = random(arena, 4, 23, 16);
      Optional<Tensor> none = Optional.empty();
      Tensor all = backend.attention(q, k, v, spec, none, new int[] {0, 23}, scope);
      Tensor last = backend.attention(q.rows(20, 23), k, v, spec, none, new int[] {0, 3}, scope);
      assertArrayEquals(all.rows(20, 23).toFloats(), last.toFloats());
      assertThrows(
          IllegalArgumentException.class,
          () -> backend.attention(q.rows(20, 23), k, v, spec, none, new int[] {0, 1, 3}, scope));
    });
  }

  @Test
  void aSinkTakesItsShareOfTheWeights() {
    onBothRungs((backend, scope, arena) -> {
      AttentionSpec spec = AttentionSpec.causal(1, 1, 1);
      Tensor zero = Tensor.ofFloats(arena, Shape.of(2, 1), 0, 0);
      Tensor v = Tensor.ofFloats(arena, Shape.of(2, 1), 3, 6);
      Tensor sink = Tensor.ofFloats(arena, Shape.of(1), (float) Math.log(2));
      Tensor y = backend.attention(zero, zero, v, spec, Optional.of(sink), new int[] {0, 2}, scope);
      // The sink weighs as much as two keys: 3 / (1 + 2), (3 + 6) / (2 + 2).
      assertArrayEquals(new float[] {1, 2.25f}, y.toFloats(), 1e-6f);
    });
  }

  @Test
  void aChunkHidesWhatIsBeforeIt() {
    AttentionSpec spec = AttentionSpec.causal(1, 1, 1).withChunk(4);
    assertEquals(0, spec.firstKey(3));
    assertEquals(4, spec.firstKey(4));
    assertEquals(4, spec.firstKey(7));
    assertEquals(6, spec.withWindow(2).firstKey(7));
  }

  @Test
  void clampedSwigluBoundsGateAndUp() {
    onBothRungs((backend, scope, arena) -> {
      float[] gates = new float[40];
      float[] ups = new float[40];
      float[] expected = new float[40];
      for (int i = 0; i < gates.length; i++) {
        gates[i] = i - 25;
        ups[i] = 10 - i;
        double g = Math.min(gates[i], 7);
        double up = Math.clamp(ups[i], -7, 7);
        expected[i] = (float) ((up + 1) * g / (1 + Math.exp(-1.702 * g)));
      }
      Tensor y =
          backend.gated(
              Activation.CLAMPED_SWIGLU,
              Tensor.ofFloats(arena, Shape.of(1, 40), gates),
              Tensor.ofFloats(arena, Shape.of(1, 40), ups),
              scope);
      assertArrayEquals(expected, y.toFloats(), 56 * 8 * 0x1p-24f);
    });
  }

  @Test
  void scaleAndSoftCapWorkOnEveryElement() {
    onBothRungs((backend, scope, arena) -> {
      Tensor x = random(arena, 5, 3, 21);
      float[] values = x.toFloats();
      float[] scaled = backend.scale(x, 0.22f, scope).toFloats();
      float[] capped = backend.softCap(x, 2, scope).toFloats();
      for (int i = 0; i < values.length; i++) {
        assertEquals(values[i] * 0.22f, scaled[i]);
        assertEquals(2 * Math.tanh(values[i] / 2), capped[i], 1e-6);
      }
    });
  }
}
