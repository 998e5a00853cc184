package org.modelopt.models.evaluation;

import org.modelopt.compute.Workers;
import org.modelopt.error.DataException;
import org.modelopt.tensor.Tensor;

/** Sums over positions that {@link Divergence} is made of; rows in parallel, added in order. */
final class DivergenceSums {
  private final Workers workers;
  private double kl;
  private long agreements;
  private double overlap;
  private long flips;
  private long positions;
  private long predicted;
  private double likelihood;
  private double originalLikelihood;

  DivergenceSums(Workers workers) {
    this.workers = workers;
  }

  private record Row(
      double kl,
      double overlap,
      boolean agrees,
      boolean flipped,
      double likelihood,
      double originalLikelihood) {}

  /**
   * Adds a window.
   *
   * @param p logits {@code [t, vocabulary]} of the original on the host
   * @param q those of the other model
   * @param ids the window's tokens
   */
  void add(Tensor p, Tensor q, int[] ids) {
    if (!p.shape().equals(q.shape())) {
      throw new DataException(
          "the models give logits %s and %s; only models with the same tokens can be compared"
              .formatted(p.shape(), q.shape()));
    }
    Row[] rows = new Row[ids.length];
    int vocabulary = Math.toIntExact(p.shape().dim(1));
    workers.forRange(
        ids.length,
        1,
        (from, to) -> {
          int row = (int) from;
          int target = row + 1 < ids.length ? ids[row + 1] : -1;
          rows[row] = compare(floats(p, row, vocabulary), floats(q, row, vocabulary), target);
        });
    for (Row row : rows) {
      kl += row.kl();
      overlap += row.overlap();
      agreements += row.agrees() ? 1 : 0;
      flips += row.flipped() ? 1 : 0;
      likelihood += row.likelihood();
      originalLikelihood += row.originalLikelihood();
    }
    positions += ids.length;
    predicted += ids.length - 1;
  }

  private static float[] floats(Tensor logits, long row, int vocabulary) {
    float[] values = new float[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      values[i] = logits.getFloat(row * vocabulary + i);
    }
    return values;
  }

  private static Row compare(float[] p, float[] q, int target) {
    double logP = logSum(p);
    double logQ = logSum(q);
    double sum = 0;
    double both = 0;
    for (int i = 0; i < p.length; i++) {
      double own = p[i] - logP;
      double others = q[i] - logQ;
      sum += Math.exp(own) * (own - others);
      both += Math.exp(Math.min(own, others));
    }
    int topP = largest(p);
    int topQ = largest(q);
    return target < 0
        ? new Row(sum, both, topP == topQ, false, 0, 0)
        : new Row(
            sum,
            both,
            topP == topQ,
            (topP == target) != (topQ == target),
            q[target] - logQ,
            p[target] - logP);
  }

  private static double logSum(float[] logits) {
    float max = logits[largest(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - max);
    }
    return max + Math.log(sum);
  }

  private static int largest(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }

  Divergence finish() {
    return new Divergence(
        kl / positions,
        (double) agreements / positions,
        overlap / positions,
        flips,
        positions,
        Math.exp(-likelihood / predicted),
        Math.exp(-originalLikelihood / predicted));
  }
}
