package org.modelopt.quantize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
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

  private static SecondMoment moment(Matrix x, Workers workers) {
    SecondMoment moment = new SecondMoment(x.columns());
    moment.add(x.values(), x.rows(), workers);
    return moment;
  }

  private static NumberFormat format(int number) {
    return switch (number) {
      case 0 -> IntFormat.INT4;
      case 1 -> IntFormat.INT8;
      case 2 -> FloatFormat.E4M3;
      default -> FloatFormat.E2M1;
    };
  }

  @Property(tries = 100)
  void feedbackIsNeverWorseThanRoundingToNearestOnTheSameGrid(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 37) int columns,
      @ForAll @IntRange(max = 3) int format,
      @ForAll Gptq.Order order) {
    Random random = new Random(seed);
    try (Workers one = new Workers(1);
        Workers two = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      SecondMoment moment = moment(random(20, columns, random), two);
      Grid grid = Grid.ofMaxima(format(format), weight, 16);
      Gptq.Result result = Gptq.round(weight, moment, grid, 0.01, order, two);
      assertTrue(result.error() <= OutputError.of(weight, grid.nearest(weight), moment, two));
      assertArrayEquals(grid.nearest(result.weight()).values(), result.weight().values());
      assertArrayEquals(
          Gptq.round(weight, moment, grid, 0.01, order, one).weight().values(),
          result.weight().values());
    }
  }

  @Property(tries = 100)
  void theSecondMomentGivesTheErrorThatTheSamplesGive(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 37) int columns) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      Matrix x = random(23, columns, random);
      Grid grid = Grid.ofMaxima(IntFormat.INT4, weight, 16);
      Matrix rounded = grid.nearest(weight);
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
      double byMoment = OutputError.of(weight, rounded, moment(x, workers), workers);
      // Each of columns^2 sums rounds 23 times; |x| stays below 6 and |d| below half a step of 1.
      assertEquals(direct, byMoment, ROWS * columns * columns * 23 * 36 * 0.25 * 0x1p-24);
    }
  }

  @Property(tries = 100)
  void aSearchThatTriesTheUsualScaleNeverRaisesTheError(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 37) int columns) {
    Random random = new Random(seed);
    try (Workers workers = new Workers(2)) {
      Matrix weight = random(ROWS, columns, random);
      SecondMoment moment = moment(random(20, columns, random), workers);
      Grid usual = Grid.ofMaxima(IntFormat.INT4, weight, columns); // one block: its error is all
      Grid best =
          ScaleSearch.search(
              weight, usual, new float[] {1, .9f, .8f, .7f}, Optional.of(moment), workers);
      assertTrue(
          OutputError.of(weight, best.nearest(weight), moment, workers)
              <= OutputError.of(weight, usual.nearest(weight), moment, workers));
    }
  }
}
