package org.modelopt.quantize;

import java.util.Comparator;
import java.util.stream.IntStream;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/**
 * Rounds a weight column by column, each column making up for the errors of those before it.
 *
 * <p>With {@code H = R Rᵀ}, R upper triangular: {@code t_i = w_i + sum over k < i of (w_k - q_k)
 * R_ki / R_ii}, {@code q_i} the grid's nearest value to {@code t_i}. The grid is frozen, so any
 * format and any order of columns works, and groups stay where they are. Sums in float64.
 *
 * <p>Rounding to nearest is returned for a row where it has the smaller error: feedback is greedy
 * and may lose. Source: GPTQ (arXiv 2210.17323); the form without an inverse is the LDLQ of QuIP
 * (arXiv 2307.13304).
 */
public final class Gptq {
  private static final int ROWS_PER_TASK = 4;

  /** The order in which columns are rounded. */
  public enum Order {
    /** As they stand. */
    NATURAL,
    /** By falling second moment: the channels that count most are rounded first. */
    BY_MOMENT
  }

  /**
   * What came out.
   *
   * @param weight values on the grid, {@code [out, in]}
   * @param error {@code tr((W - Q) H (W - Q)ᵀ)} without damping
   * @param damping share of the mean diagonal that was added to H; more than asked for where H was
   *     not positive definite
   */
  public record Result(Matrix weight, double error, double damping) {}

  private Gptq() {}

  /**
   * Rounds {@code weight} to {@code grid}.
   *
   * @param weight {@code [out, in]}
   * @param moment of the inputs, {@code in} channels
   * @param damping share of the mean diagonal to add to H, usually 0.01
   * @throws ArithmeticException if H stays indefinite after the damping was raised
   */
  public static Result round(
      Matrix weight, SecondMoment moment, Grid grid, double damping, Order order, Workers workers) {
    if (moment.channels() != weight.columns()) {
      throw new IllegalArgumentException(
          "a weight of %d inputs needs a second moment of as many, not %d"
              .formatted(weight.columns(), moment.channels()));
    }
    int[] columns = columns(moment, order);
    ReversedCholesky.Factor factor = ReversedCholesky.of(moment, columns, damping, workers);
    Matrix result = Matrix.zeros(weight.rows(), weight.columns());
    double[] errors = new double[weight.rows()];
    workers.forRange(
        weight.rows(),
        ROWS_PER_TASK,
        (from, to) -> {
          for (int row = (int) from; row < to; row++) {
            errors[row] = round(weight, row, grid, columns, factor, moment, result);
          }
        });
    double total = 0;
    for (double error : errors) {
      total += error;
    }
    return new Result(result, total, factor.damping());
  }

  private static int[] columns(SecondMoment moment, Order order) {
    IntStream natural = IntStream.range(0, moment.channels());
    return switch (order) {
      case NATURAL -> natural.toArray();
      case BY_MOMENT ->
          natural
              .boxed()
              .sorted(Comparator.comparingDouble((Integer j) -> -moment.get(j, j)))
              .mapToInt(Integer::intValue)
              .toArray();
    };
  }

  private static double round(
      Matrix weight,
      int row,
      Grid grid,
      int[] columns,
      ReversedCholesky.Factor factor,
      SecondMoment moment,
      Matrix result) {
    int d = columns.length;
    int base = row * d;
    double[] feedback = new double[d]; // sum over k of (w_k - q_k) R_ki
    double[] fed = new double[d];
    double[] nearest = new double[d];
    for (int i = 0; i < d; i++) {
      int column = columns[i];
      double[] factorRow = factor.rows()[i];
      float w = weight.values()[base + column];
      float q = grid.nearest(row, column, (float) (w + feedback[i] / factorRow[0]));
      result.values()[base + column] = q;
      double e = (double) w - q;
      fed[column] = e;
      nearest[column] = (double) w - grid.nearest(row, column, w);
      for (int j = 1; j < factorRow.length; j++) {
        feedback[i + j] += e * factorRow[j];
      }
    }
    double fedError = moment.quadratic(fed, 0);
    double nearestError = moment.quadratic(nearest, 0);
    if (nearestError < fedError) {
      for (int j = 0; j < d; j++) {
        result.values()[base + j] = grid.nearest(row, j, weight.values()[base + j]);
      }
      return nearestError;
    }
    return fedError;
  }
}
