package org.modelopt.compute.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The fastest attention of this machine against a plain float64 one, and against itself. */
class AttentionTest {
  private static final Arena ARENA = Arena.ofShared();
  private static final Optional<Tensor> NO_SINKS = Optional.empty();
  private static final CpuBackend BACKEND =
      new CpuBackend(BackendOptions.defaults().withThreads(2), Optional.empty());
  private static final Scope SCOPE = BACKEND.openScope();

  @AfterAll
  static void close() {
    SCOPE.close();
    BACKEND.close();
    ARENA.close();
  }

  record Case(AttentionSpec spec, int rows, boolean sinks) {}

  static Stream<Case> cases() {
    AttentionSpec grouped = AttentionSpec.causal(6, 2, 64);
    return Stream.of(
        new Case(grouped, 1, false),
        new Case(grouped, 300, false),
        new Case(AttentionSpec.causal(2, 2, 32), 513, false),
        new Case(AttentionSpec.causal(4, 1, 128).withScale(0.3), 64, true),
        new Case(grouped.withWindow(70), 400, true),
        new Case(grouped.withChunk(130).withSoftCap(2), 300, false),
        new Case(new AttentionSpec(2, 1, 96, 40, 0.1f, 0, 0, 0), 90, false),
        new Case(AttentionSpec.causal(4, 2, 8), 50, true));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyQueryMixesTheValuesItSees(Case c) {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      AttentionSpec spec = c.spec();
      Tensor q = random(dtype, 1, c.rows(), (long) spec.heads() * spec.headSize());
      Tensor k = random(dtype, 2, c.rows(), (long) spec.keyValueHeads() * spec.headSize());
      Tensor v = random(dtype, 3, c.rows(), (long) spec.keyValueHeads() * spec.valueHeadSize());
      Optional<Tensor> sinks = c.sinks() ? Optional.of(random(dtype, 4, spec.heads())) : NO_SINKS;
      Tensor y = BACKEND.attention(q, k, v, spec, sinks, new int[] {0, c.rows()}, SCOPE);
      double[] expected = exact(q, k, v, spec, sinks, c.rows());
      // Values are below 1 and weights add up to 1. Scores are below 3 * headSize * scale, wrong by
      // headSize roundings of that; weights then by as much, relatively, and sums by rows
      // roundings.
      double score = 1 + Math.abs(spec.scale()) * spec.headSize();
      double bound = (3 * score * spec.headSize() + 3 * c.rows() + 30) * 0x1p-24;
      if (dtype == DType.BF16) {
        bound += 2 * 0x1p-8; // each weight and the result
      }
      int rowElements = expected.length / c.rows();
      for (int i = 0; i < expected.length; i++) {
        if (!checked(i / rowElements, c.rows())) {
          continue;
        }
        assertEquals(expected[i], y.getFloat(i), bound, dtype::name);
      }
    }
  }

  /** Every 13th query, and the last ones, where blocks end. */
  private static boolean checked(int position, int rows) {
    return position % 13 == 0 || position >= rows - 3;
  }

  private static double[] exact(
      Tensor q, Tensor k, Tensor v, AttentionSpec spec, Optional<Tensor> sinks, int rows) {
    float[] queries = q.toFloats();
    float[] keys = k.toFloats();
    float[] values = v.toFloats();
    int heads = spec.heads();
    int group = heads / spec.keyValueHeads();
    int size = spec.headSize();
    int valueSize = spec.valueHeadSize();
    double[] result = new double[rows * heads * valueSize];
    for (int position = 0; position < rows; position++) {
      if (!checked(position, rows)) {
        continue;
      }
      for (int head = 0; head < heads; head++) {
        int keyHead = head / group;
        double total = sinks.isPresent() ? Math.exp(sinks.get().getFloat(head)) : 0;
        int at = (position * heads + head) * valueSize;
        for (int key = spec.firstKey(position); key <= position; key++) {
          double dot = 0;
          for (int i = 0; i < size; i++) {
            dot +=
                (double) queries[(position * heads + head) * size + i]
                    * keys[(key * spec.keyValueHeads() + keyHead) * size + i];
          }
          double score = spec.scale() * dot;
          score = spec.softCap() == 0 ? score : spec.softCap() * Math.tanh(score / spec.softCap());
          double weight = Math.exp(score);
          total += weight;
          for (int i = 0; i < valueSize; i++) {
            result[at + i] +=
                weight * values[(key * spec.keyValueHeads() + keyHead) * valueSize + i];
          }
        }
        for (int i = 0; i < valueSize; i++) {
          result[at + i] /= total;
        }
      }
    }
    return result;
  }

  @Test
  void aSequenceHasTheSameBitsInAnyCompany() {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      AttentionSpec spec = AttentionSpec.causal(4, 2, 64);
      Tensor q = random(dtype, 1, 700, 256);
      Tensor k = random(dtype, 2, 700, 128);
      Tensor v = random(dtype, 3, 700, 128);
      int[] starts = {0, 37, 37, 340, 700};
      Tensor all = BACKEND.attention(q, k, v, spec, NO_SINKS, starts, SCOPE);
      for (int i = 1; i < starts.length; i++) {
        int from = starts[i - 1];
        int to = starts[i];
        Tensor alone =
            BACKEND.attention(
                q.rows(from, to),
                k.rows(from, to),
                v.rows(from, to),
                spec,
                NO_SINKS,
                new int[] {0, to - from},
                SCOPE);
        assertEquals(-1, alone.segment().mismatch(all.rows(from, to).segment()), dtype::name);
      }
    }
  }

  @Test
  void queriesOverKeptKeysHaveTheBitsOfOnePass() {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      for (AttentionSpec spec :
          List.of(AttentionSpec.causal(4, 2, 64), AttentionSpec.causal(2, 2, 64).withWindow(100))) {
        int rows = 530;
        Tensor q = random(dtype, 1, rows, spec.heads() * 64L);
        Tensor k = random(dtype, 2, rows, 128);
        Tensor v = random(dtype, 3, rows, 128);
        Tensor all = BACKEND.attention(q, k, v, spec, NO_SINKS, new int[] {0, rows}, SCOPE);
        for (int from : new int[] {529, 511, 256, 100}) {
          for (int to : new int[] {from + 1, rows}) {
            Tensor part =
                BACKEND.attention(
                    q.rows(from, to),
                    k.rows(0, to),
                    v.rows(0, to),
                    spec,
                    NO_SINKS,
                    new int[] {0, to - from},
                    SCOPE);
            assertEquals(-1, part.segment().mismatch(all.rows(from, to).segment()), dtype::name);
          }
        }
      }
    }
  }

  @Test
  void anInfiniteValueIsHiddenFromQueriesBeforeIt() {
    AttentionSpec spec = AttentionSpec.causal(2, 1, 64);
    Tensor q = random(DType.F32, 1, 40, 128);
    Tensor k = random(DType.F32, 2, 40, 64);
    Tensor v = random(DType.F32, 3, 40, 64);
    v.segment().set(Tensor.FLOAT, 20 * 64 * 4, Float.POSITIVE_INFINITY);
    Tensor y = BACKEND.attention(q, k, v, spec, NO_SINKS, new int[] {0, 40}, SCOPE);
    for (int i = 0; i < 20 * 128; i++) {
      assertTrue(Float.isFinite(y.getFloat(i)));
    }
    assertEquals(Float.POSITIVE_INFINITY, y.getFloat(20 * 128));
  }

  /** Uniform between -1 and 1. */
  private static Tensor random(DType dtype, int seed, long... dims) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[(int) Shape.of(dims).elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    Tensor tensor = Tensor.ofFloats(ARENA, Shape.of(dims), values);
    return BACKEND.toDevice(tensor, dtype, SCOPE);
  }
}
