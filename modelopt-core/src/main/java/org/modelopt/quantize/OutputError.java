package org.modelopt.quantize;

import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/** The output error of a changed weight, from the second moment of its inputs. */
public final class OutputError {
  private OutputError() {}

  /** {@code tr((W - Ŵ) H (W - Ŵ)ᵀ)}: the squared error of all outputs over all tokens seen. */
  public static double of(Matrix weight, Matrix candidate, SecondMoment moment, Workers workers) {
    double[] errors = new double[weight.rows()];
    workers.forRange(
        weight.rows(),
        1,
        (from, to) -> {
          for (int row = (int) from; row < to; row++) {
            double[] d = new double[weight.columns()];
            for (int j = 0; j < d.length; j++) {
              d[j] = (double) weight.get(row, j) - candidate.get(row, j);
            }
            errors[row] = moment.quadratic(d, 0);
          }
        });
    double total = 0;
    for (double error : errors) {
      total += error;
    }
    return total;
  }
}
