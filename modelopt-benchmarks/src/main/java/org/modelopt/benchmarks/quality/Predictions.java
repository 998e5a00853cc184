package org.modelopt.benchmarks.quality;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;

/**
 * What a model predicts for all windows, to compare others with.
 *
 * @param logits {@code [tokens, vocabulary]} for each window, off the heap
 */
record Predictions(List<Tensor> logits) {
  private static final int ROWS_PER_TASK = 8;

  /**
   * How a pass compares.
   *
   * @param perplexity over all predicted tokens
   * @param divergence mean KL divergence over all positions
   * @param firstDivergence over the first 32 positions of the first window
   */
  record Comparison(double perplexity, double divergence, double firstDivergence) {}

  static Predictions of(Model model, List<Tensor> windows, Pass pass, JobOptions options) {
    List<Tensor> kept = new ArrayList<>();
    Forward.run(
        "reference",
        model,
        windows,
        pass,
        options,
        (window, logits) -> {
          try (Scope scope = pass.backend().openScope()) {
            Tensor host = pass.backend().toHost(logits, scope);
            Tensor copy = Tensor.allocate(Arena.ofAuto(), host.dtype(), host.shape());
            copy.segment().copyFrom(host.segment());
            kept.add(copy);
          }
        });
    return new Predictions(kept);
  }

  Comparison compare(Model model, List<Tensor> windows, Pass pass, JobOptions options) {
    double[] sums = new double[3]; // log likelihood, divergence, that of the first positions
    long[] counts = new long[2]; // predicted tokens, positions
    Backend backend = pass.backend();
    Forward.run(
        "evaluate",
        model,
        windows,
        pass,
        options,
        (window, tensor) -> {
          int[] ids = windows.get(window).toInts();
          int[] targets = new int[ids.length];
          System.arraycopy(ids, 1, targets, 0, ids.length - 1);
          targets[ids.length - 1] = -1;
          for (double likelihood : backend.logLikelihoods(tensor, targets)) {
            sums[0] += likelihood;
          }
          try (Scope scope = backend.openScope()) {
            double[] each =
                divergences(logits.get(window), backend.toHost(tensor, scope), backend.workers());
            for (int t = 0; t < each.length; t++) {
              sums[1] += each[t];
              sums[2] += window == 0 && t < 32 ? each[t] : 0;
            }
          }
          counts[0] += ids.length - 1;
          counts[1] += ids.length;
        });
    return new Comparison(Math.exp(-sums[0] / counts[0]), sums[1] / counts[1], sums[2] / 32);
  }

  private static double[] divergences(Tensor reference, Tensor other, Workers workers) {
    int rows = Math.toIntExact(reference.shape().dim(0));
    int vocabulary = Math.toIntExact(reference.shape().dim(1));
    double[] divergences = new double[rows];
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          for (int t = (int) from; t < to; t++) {
            double[] p = new double[vocabulary];
            double[] q = new double[vocabulary];
            double logP = read(reference, t, p);
            double logQ = read(other, t, q);
            double sum = 0;
            for (int j = 0; j < vocabulary; j++) {
              double log = p[j] - logP;
              sum += Math.exp(log) * (log - (q[j] - logQ));
            }
            divergences[t] = sum;
          }
        });
    return divergences;
  }

  /** Reads a row and gives the logarithm of the sum of its exponentials. */
  private static double read(Tensor tensor, int row, double[] into) {
    double most = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < into.length; j++) {
      into[j] = tensor.getFloat((long) row * into.length + j);
      most = Math.max(most, into[j]);
    }
    double sum = 0;
    for (double value : into) {
      sum += Math.exp(value - most);
    }
    return most + Math.log(sum);
  }
}
