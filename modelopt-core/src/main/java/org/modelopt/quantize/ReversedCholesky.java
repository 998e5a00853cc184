package org.modelopt.quantize;

import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/**
 * Factors {@code H + damping * mean(diag H) * I = R Rᵀ} with R upper triangular, in float64.
 *
 * <p>Works from the last column to the first; columns of one step are independent of each other.
 * {@code R⁻¹} is the upper Cholesky factor of {@code H⁻¹}, which error feedback needs, without an
 * inversion. A channel that was never seen counts as an own unit channel.
 */
final class ReversedCholesky {
  private static final int MOST_RAISES = 6;
  private static final int ROWS_PER_TASK = 64;

  /**
   * @param rows row i holds columns i to d - 1 of R
   * @param damping share of the mean diagonal that had to be added
   */
  @SuppressWarnings("ArrayRecordComponent") // half a matrix of work memory
  record Factor(double[][] rows, double damping) {
    /** Element in row {@code i} and column {@code j >= i}. */
    double get(int i, int j) {
      return rows[i][j - i];
    }
  }

  private ReversedCholesky() {}

  /**
   * The factor for channels in {@code order}; the damping is raised tenfold, at most six times, as
   * long as the matrix is not positive definite.
   *
   * @throws ArithmeticException if that does not help either
   */
  static Factor of(SecondMoment moment, int[] order, double damping, Workers workers) {
    int d = order.length;
    double mean = 0;
    for (int i = 0; i < d; i++) {
      mean += diagonal(moment, i);
    }
    mean /= d;
    double share = damping;
    for (int raise = 0; raise <= MOST_RAISES; raise++) {
      double[][] rows = new double[d][];
      for (int i = 0; i < d; i++) {
        rows[i] = new double[d - i];
        rows[i][0] = diagonal(moment, order[i]) + share * mean;
        for (int j = i + 1; j < d; j++) {
          rows[i][j - i] = moment.get(order[i], order[j]);
        }
      }
      if (factor(rows, workers)) {
        return new Factor(rows, share);
      }
      share = share == 0 ? 1e-4 : share * 10;
    }
    throw new ArithmeticException(
        "second moment of %d channels stays indefinite with damping %s".formatted(d, share));
  }

  private static double diagonal(SecondMoment moment, int i) {
    float value = moment.get(i, i);
    return value == 0 ? 1 : value;
  }

  private static boolean factor(double[][] rows, Workers workers) {
    int d = rows.length;
    for (int column = d - 1; column >= 0; column--) {
      double[] pivotRow = rows[column];
      double pivot = pivotRow[0];
      for (int k = 1; k < pivotRow.length; k++) {
        pivot -= pivotRow[k] * pivotRow[k];
      }
      if (!(pivot > 0)) {
        return false;
      }
      double root = Math.sqrt(pivot);
      pivotRow[0] = root;
      int j = column;
      workers.forRange(
          column,
          ROWS_PER_TASK,
          (from, to) -> {
            for (int i = (int) from; i < to; i++) {
              double[] row = rows[i];
              int shift = j - i;
              double a = row[shift];
              double b = 0;
              double c = 0;
              int k = 1;
              for (; k + 1 < pivotRow.length; k += 2) {
                b += row[shift + k] * pivotRow[k];
                c += row[shift + k + 1] * pivotRow[k + 1];
              }
              if (k < pivotRow.length) {
                b += row[shift + k] * pivotRow[k];
              }
              row[shift] = (a - (b + c)) / root;
            }
          });
    }
    return true;
  }
}
