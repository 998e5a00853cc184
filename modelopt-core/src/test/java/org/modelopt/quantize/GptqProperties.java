package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.compute.Workers;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.statistics.SecondMoment;

/** Laws of algorithms that work through the second moment. */
class GptqProperties {
  private static final int ROWS = 3;

  private static Matrix random(int rows, int columns, Random random) {
    Matrix matrix = Matrix.zeros(rows, columns);
    for (int i = 0; i < matrix.values().length; i++) {
      matrix.values()[i] = (float) random.nextGaussian();
    }
    return matrix;
  }

  private static double error(Matrix a, Matrix b, SecondMoment moment, Workers workers) {
    return OutputError.of(a, b, moment, PlainProduct.INSTANCE, workers);
  }

  private static Matrix round(
      Matrix weight, SecondMoment moment, Grid grid, Gptq.Order order, Workers workers) {
    try (Gptq gptq = Gptq.of(moment, 0.01, order, PlainProduct.INSTANCE, workers)) {
      return gptq.round(weight, grid).weight();
    }
  }

  private static NumberFormat format(int number) {
    return switch (number) {
      case 0 -> IntFormat.INT4;
      case 1 -> IntFormat.INT8;
      case 2 -> FloatFormat.E4M3;
      default -> FloatFormat.E2M1;
    };
  }

  @Property(tries = 60)
  void feedbackIsNeverWorseThanRoundingToNearestOnTheSameGrid(
      @ForAll long seed,
      @ForAll("widths") int columns,
      @ForAll @IntRange(max = 3) int format,
      @ForAll Gptq.Order order) {
    Random random = new Random(seed);
    try (Workers one = new Workers(1);
        Workers two = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      try (SecondMoment moment = PlainProduct.moment(random(20, columns, random), two)) {
        Grid grid = Grid.ofMaxima(format(format), weight, 16, two);
        Matrix rounded = round(weight, moment, grid, order, two);
        double nearest = error(weight, grid.nearest(weight, two), moment, two);
        assertTrue(error(weight, rounded, moment, two) <= nearest * (1 + 1e-9));
        assertArrayEquals(grid.nearest(rounded, two).values(), rounded.values());
        assertArrayEquals(round(weight, moment, grid, order, one).values(), rounded.values());
      }
    }
  }

  /** Around the sizes of vectors and of blocks of columns. */
  @Provide
  Arbitrary<Integer> widths() {
    return Arbitraries.of(1, 2, 15, 16, 17, 37, 127, 128, 129, 257, 300);
  }

  @Property(tries = 20)
  void whereChannelsAreIndependentFeedbackIsRoundingToNearest(@ForAll long seed) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, 20, random);
      Matrix x = Matrix.zeros(20, 20);
      for (int i = 0; i < 20; i++) {
        x.values()[i * 20 + i] = random.nextFloat(0.1f, 4);
      }
      try (SecondMoment moment = PlainProduct.moment(x, workers)) {
        Grid grid = Grid.ofMaxima(IntFormat.INT4, weight, 16, workers);
        assertArrayEquals(
            grid.nearest(weight, workers).values(),
            round(weight, moment, grid, Gptq.Order.BY_MOMENT, workers).values());
      }
    }
  }

  @Property(tries = 100)
  void theSecondMomentGivesTheErrorThatTheSamplesGive(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 37) int columns) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      Matrix x = random(23, columns, random);
      Grid grid = Grid.ofMaxima(IntFormat.INT4, weight, 16, workers);
      Matrix rounded = grid.nearest(weight, workers);
      double direct = 0;
      for (int t = 0; t < x.rows(); t++) {
        for (int row = 0; row < ROWS; row++) {
          double y = 0;
          for (int j = 0; j < columns; j++) {
            y += ((double) weight.get(row, j) - rounded.get(row, j)) * x.get(t, j);
          }
          direct += y * y;
        }
      }
      double byMoment = error(weight, rounded, PlainProduct.moment(x, workers), workers);
      // Each element of H and each product with it rounds once; |x| < 6 and |d| < 1/2.
      assertEquals(direct, byMoment, 2.0 * ROWS * columns * columns * 23 * 36 * 0.25 * 0x1p-24);
    }
  }

  /** Of small whole numbers all sums are exact. */
  @Property(tries = 30)
  void secondMomentsOfPartsAddUpToThatOfAll(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 300) int columns,
      @ForAll @IntRange(min = 1, max = 8) int cut) {
    Random random = new Random(seed);
    Matrix all = Matrix.zeros(9, columns);
    for (int i = 0; i < all.values().length; i++) {
      all.values()[i] = random.nextInt(-8, 9);
    }
    int at = cut * columns;
    Matrix first = new Matrix(cut, columns, Arrays.copyOf(all.values(), at));
    Matrix rest =
        new Matrix(9 - cut, columns, Arrays.copyOfRange(all.values(), at, all.values().length));
    try (Workers workers = new Workers(2);
        SecondMoment whole = PlainProduct.moment(all, workers);
        SecondMoment merged = PlainProduct.moment(first, workers);
        SecondMoment later = PlainProduct.moment(rest, workers)) {
      merged.merge(later, workers);
      assertEquals(whole.tokens(), merged.tokens());
      assertArrayEquals(whole.square(0, columns), merged.square(0, columns));
    }
  }

  @Property(tries = 100)
  void aSearchThatTriesTheUsualScaleNeverRaisesTheError(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 37) int columns) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      SecondMoment moment = PlainProduct.moment(random(20, columns, random), workers);
      Grid usual =
          Grid.ofMaxima(IntFormat.INT4, weight, columns, workers); // one block: its error is all
      List<Grid> tried = new ArrayList<>();
      for (float multiple : new float[] {1, .9f, .8f, .7f}) {
        float[] scales = usual.scales();
        for (int i = 0; i < scales.length; i++) {
          scales[i] *= multiple;
        }
        tried.add(usual.withScales(scales));
      }
      int[] found =
          ScaleSearch.best(weight, tried, Optional.of(moment), PlainProduct.INSTANCE, workers);
      double[] before =
          OutputError.ofRows(
              weight, usual.nearest(weight, workers), moment, PlainProduct.INSTANCE, workers);
      for (int row = 0; row < ROWS; row++) {
        double after =
            OutputError.ofRows(
                weight,
                tried.get(found[row]).nearest(weight, workers),
                moment,
                PlainProduct.INSTANCE,
                workers)[row];
        assertTrue(after <= before[row]);
      }
    }
  }
}
