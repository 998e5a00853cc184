package org.modelopt.quantize;

import org.modelopt.compute.Product;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;

/** The output error of a changed weight, from the second moment of its inputs. */
public final class OutputError {
  private static final int ROWS_PER_TASK = 16;

  private OutputError() {}

  /** {@code tr((W - Ŵ) H (W - Ŵ)ᵀ)}: the squared error of all outputs over all tokens seen. */
  public static double of(
      Matrix weight, Matrix candidate, SecondMoment moment, Product product, Workers workers) {
    double total = 0;
    for (double error : ofRows(weight, candidate, moment, product, workers)) {
      total += error;
    }
    return total;
  }

  /** The squared error of each output over all tokens seen. */
  public static double[] ofRows(
      Matrix weight, Matrix candidate, SecondMoment moment, Product product, Workers workers) {
    float[] deltas = new float[weight.values().length];
    workers.forRange(
        weight.rows(),
        ROWS_PER_TASK,
        (from, to) -> {
          int end = (int) to * weight.columns();
          for (int i = (int) from * weight.columns(); i < end; i++) {
            deltas[i] = weight.values()[i] - candidate.values()[i];
          }
        });
    return moment.quadratics(deltas, weight.rows(), product, workers);
  }
}
