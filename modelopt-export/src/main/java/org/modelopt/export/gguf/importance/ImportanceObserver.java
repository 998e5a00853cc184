package org.modelopt.export.gguf.importance;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.statistics.Observer;
import org.modelopt.tensor.Tensor;

/**
 * Sums the squares of what enters each channel of each linear, in float64 and in token order, so
 * that the result does not depend on threads.
 */
public final class ImportanceObserver implements Observer {
  private final Backend backend;
  private final Map<String, Sums> sums = new LinkedHashMap<>();

  /** Sums of one input. */
  private static final class Sums {
    private final double[] squares;
    private long tokens;

    Sums(int channels) {
      this.squares = new double[channels];
    }
  }

  private ImportanceObserver(Backend backend) {
    this.backend = backend;
  }

  /**
   * Runs {@code samples} through {@code model} as it is stored.
   *
   * @return mean squares, by name of the linear's weight
   */
  public static Map<String, MeanSquares> observe(
      Model model, List<Tensor> samples, JobOptions options) {
    try (Backend backend = options.openBackend()) {
      ImportanceObserver observer = new ImportanceObserver(backend);
      Pass pass = Pass.of(model, backend, options).observedBy(observer);
      Forward.run("importance", model, samples, pass, options, (sample, activation) -> {});
      return observer.results();
    }
  }

  @Override
  public void input(InputGroup group, Tensor x) {
    try (Scope scope = backend.openScope()) {
      Tensor host = backend.toHost(x, scope);
      int channels = Math.toIntExact(x.shape().columns());
      Sums first = null;
      for (Linear linear : group.linears()) {
        if (first == null) {
          first = sums.computeIfAbsent(linear.weightName(), name -> new Sums(channels));
        } else {
          sums.putIfAbsent(linear.weightName(), first);
        }
      }
      if (first != null) {
        add(first, host, channels);
      }
    }
  }

  private static void add(Sums to, Tensor host, int channels) {
    long rows = host.shape().rows();
    for (long row = 0; row < rows; row++) {
      for (int c = 0; c < channels; c++) {
        double value = host.getFloat(row * channels + c);
        to.squares[c] += value * value;
      }
    }
    to.tokens += rows;
  }

  @Override
  public void cache(CacheSite site, Tensor x) {
    // Caches have no weights.
  }

  private Map<String, MeanSquares> results() {
    Map<String, MeanSquares> results = new LinkedHashMap<>();
    sums.forEach((name, seen) -> {
      java.util.ArrayList<Float> squares = new java.util.ArrayList<>();
      for (double square : seen.squares) {
        squares.add((float) square);
      }
      results.put(name, new MeanSquares(squares, seen.tokens));
    });
    return results;
  }

  /**
   * What entered one linear.
   *
   * @param sums of squares, by channel
   * @param tokens how many were seen
   */
  public record MeanSquares(List<Float> sums, long tokens) {
    /** Copies the list. */
    public MeanSquares {
      sums = List.copyOf(sums);
    }
  }
}
