package org.modelopt.quantize;

import java.util.stream.DoubleStream;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.Tensor;

/** How far predictions are from those they should be. */
final class KlDivergence {
  private static final int ROWS_PER_TASK = 16;

  private KlDivergence() {}

  /**
   * The sum over rows of {@code sum p ln(p / q)} in nats, in float64 and row order.
   *
   * @param reference logits of p {@code [tokens, vocabulary]} on the host
   * @param other logits of q
   */
  static double sum(Tensor reference, Tensor other, Workers workers) {
    int rows = Math.toIntExact(reference.shape().rows());
    int columns = Math.toIntExact(reference.shape().columns());
    double[] divergences = new double[rows];
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          for (int row = (int) from; row < to; row++) {
            divergences[row] = row(reference, other, (long) row * columns, columns);
          }
        });
    return DoubleStream.of(divergences).sum();
  }

  private static double row(Tensor reference, Tensor other, long at, int columns) {
    double sumP = 0;
    double sumQ = 0;
    float mostP = Float.NEGATIVE_INFINITY;
    float mostQ = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < columns; i++) {
      mostP = Math.max(mostP, reference.getFloat(at + i));
      mostQ = Math.max(mostQ, other.getFloat(at + i));
    }
    double cross = 0;
    for (int i = 0; i < columns; i++) {
      double p = (double) reference.getFloat(at + i) - mostP;
      double q = (double) other.getFloat(at + i) - mostQ;
      double weight = Math.exp(p);
      sumP += weight;
      sumQ += Math.exp(q);
      cross += weight * (p - q);
    }
    return cross / sumP - Math.log(sumP) + Math.log(sumQ);
  }
}
