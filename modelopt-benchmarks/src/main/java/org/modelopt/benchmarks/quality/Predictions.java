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
 * @param windows token ids, I32 {@code [t]} each
 * @param logits {@code [t, vocabulary]} for each window, off the heap
 * @param perplexity over all predicted tokens
 */
record Predictions(List<Tensor> windows, List<Tensor> logits, double perplexity) {
  private static final int FIRST_POSITIONS = 32;
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
    Likelihood likelihood = new Likelihood();
    Forward.run(
        "reference",
        model,
        windows,
        pass,
        options,
        (window, logits) -> {
          likelihood.add(windows.get(window), logits, pass.backend());
          try (Scope scope = pass.backend().openScope()) {
            Tensor host = pass.backend().toHost(logits, scope);
            Tensor copy = Tensor.allocate(Arena.ofAuto(), host.dtype(), host.shape());
            copy.segment().copyFrom(host.segment());
            kept.add(copy);
          }
        });
    return new Predictions(windows, kept, likelihood.perplexity());
  }

  /** These predictions compared with themselves. */
  Comparison comparison() {
    return new Comparison(perplexity, 0, 0);
  }

  Comparison compare(Model model, Pass pass, JobOptions options) {
    double[] sums = new double[2]; // divergence, that of the first positions
    long[] positions = new long[1];
    Likelihood likelihood = new Likelihood();
    Backend backend = pass.backend();
    Forward.run(
        "evaluate",
        model,
        windows,
        pass,
        options,
        (window, tensor) -> {
          likelihood.add(windows.get(window), tensor, backend);
          try (Scope scope = backend.openScope()) {
            double[] each =
                divergences(logits.get(window), backend.toHost(tensor, scope), backend.workers());
            for (int t = 0; t < each.length; t++) {
              sums[0] += each[t];
              sums[1] += window == 0 && t < FIRST_POSITIONS ? each[t] : 0;
            }
            positions[0] += each.length;
          }
        });
    return new Comparison(
        likelihood.perplexity(), sums[0] / positions[0], sums[1] / FIRST_POSITIONS);
  }

  /** Of the tokens that windows have after their first. */
  private static final class Likelihood {
    private double sum;
    private long predicted;

    void add(Tensor window, Tensor logits, Backend backend) {
      int[] ids = window.toInts();
      int[] targets = new int[ids.length];
      System.arraycopy(ids, 1, targets, 0, ids.length - 1);
      targets[ids.length - 1] = -1;
      for (double likelihood : backend.logLikelihoods(logits, targets)) {
        sum += likelihood;
      }
      predicted += ids.length - 1;
    }

    double perplexity() {
      return Math.exp(-sum / predicted);
    }
  }

  private static double[] divergences(Tensor reference, Tensor other, Workers workers) {
    int rows = Math.toIntExact(reference.shape().dim(0));
    int vocabulary = Math.toIntExact(reference.shape().dim(1));
    double[] divergences = new double[rows];
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          float[] p = new float[vocabulary];
          float[] q = new float[vocabulary];
          for (int t = (int) from; t < to; t++) {
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
  private static double read(Tensor tensor, int row, float[] into) {
    tensor.copyFloats((long) row * into.length, into, 0, into.length);
    double most = Double.NEGATIVE_INFINITY;
    for (float value : into) {
      most = Math.max(most, value);
    }
    double sum = 0;
    for (float value : into) {
      sum += Math.exp(value - most);
    }
    return most + Math.log(sum);
  }
}
