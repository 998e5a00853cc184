package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.compute.Workers;
import org.modelopt.numeric.IntFormat;
import org.modelopt.statistics.SecondMoment;

/** What searches minimise through the second moment is what running the samples would give. */
class OutputErrorProperties {
  private static final int ROWS = 3;
  private static final int TOKENS = 23;
  private static final int BLOCK = 16;

  private static Matrix random(int rows, int columns, Random random) {
    Matrix matrix = Matrix.zeros(rows, columns);
    for (int i = 0; i < matrix.values().length; i++) {
      matrix.values()[i] = (float) Math.clamp(random.nextGaussian(), -4, 4);
    }
    return matrix;
  }

  /** The squared error of one output over all samples, of columns {@code from} to {@code to}. */
  private static double direct(Matrix weight, Matrix other, Matrix x, int row, int from, int to) {
    double total = 0;
    for (int t = 0; t < x.rows(); t++) {
      double y = 0;
      for (int j = from; j < to; j++) {
        y += ((double) weight.get(row, j) - other.get(row, j)) * x.get(t, j);
      }
      total += y * y;
    }
    return total;
  }

  /** Each element of H and each product with it rounds once; |x| is 4 at most, |d| at most 4. */
  private static double bound(int columns) {
    return 2.0 * ROWS * columns * columns * TOKENS * 16 * 16 * 0x1p-24;
  }

  @Property(tries = 100)
  void awqLosses(@ForAll long seed, @ForAll @IntRange(min = 1, max = 37) int columns) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      Matrix x = random(TOKENS, columns, random);
      List<float[]> candidates = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        float[] factors = new float[columns];
        for (int j = 0; j < columns; j++) {
          factors[j] = random.nextFloat(0.5f, 2f);
        }
        candidates.add(factors);
      }
      UnaryOperator<Matrix> quantize =
          m -> Grid.ofMaxima(IntFormat.INT4, m, BLOCK, workers).nearest(m, workers);
      SecondMoment moment = PlainProduct.moment(x, workers);
      double[] losses =
          ChannelScaling.errors(
              weight, candidates, moment, quantize, PlainProduct.INSTANCE, workers);
      for (int i = 0; i < losses.length; i++) {
        float[] factors = candidates.get(i);
        Matrix other =
            quantize
                .apply(weight.scaleColumns(factors, workers))
                .scaleColumns(ChannelScaling.reciprocals(factors), workers);
        double direct = 0;
        for (int row = 0; row < ROWS; row++) {
          direct += direct(weight, other, x, row, 0, columns);
        }
        assertEquals(direct, losses[i], bound(columns));
      }
    }
  }

  @Property(tries = 100)
  void clipLosses(@ForAll long seed, @ForAll @IntRange(min = 1, max = 37) int columns) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      Matrix x = random(TOKENS, columns, random);
      Grid usual = Grid.ofMaxima(IntFormat.INT4, weight, BLOCK, workers);
      List<Grid> tried = new ArrayList<>();
      for (float multiple : new float[] {1, .9f, .8f, .7f, .6f, .5f}) {
        float[] scales = usual.scales();
        for (int i = 0; i < scales.length; i++) {
          scales[i] *= multiple;
        }
        tried.add(usual.withScales(scales));
      }
      int[] found =
          ScaleSearch.best(
              weight,
              tried,
              Optional.of(PlainProduct.moment(x, workers)),
              PlainProduct.INSTANCE,
              workers);
      List<Matrix> rounded = tried.stream().map(grid -> grid.nearest(weight, workers)).toList();
      int blocks = Math.ceilDiv(columns, BLOCK);
      for (int at = 0; at < ROWS * blocks; at++) {
        int row = at / blocks;
        int from = at % blocks * BLOCK;
        int to = Math.min(columns, from + BLOCK);
        double chosen = direct(weight, rounded.get(found[at]), x, row, from, to);
        for (Matrix other : rounded) {
          assertTrue(chosen <= direct(weight, other, x, row, from, to) + bound(BLOCK));
        }
      }
    }
  }
}
