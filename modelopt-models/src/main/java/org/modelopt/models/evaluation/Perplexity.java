package org.modelopt.models.evaluation;

import java.util.Arrays;
import java.util.List;
import org.modelopt.compute.Backend;
import org.modelopt.decision.Decisions;
import org.modelopt.error.DataException;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;

/**
 * How well a language model predicts: {@code exp(-mean log p(token | tokens before it in its
 * window))}. In a window of n tokens all but the first are predicted.
 *
 * @param value the perplexity, per token of the model's own vocabulary
 * @param tokens tokens predicted
 * @param windows windows they were in
 */
public record Perplexity(double value, long tokens, int windows) {
  /**
   * Measures {@code model} as it is, a quantized checkpoint as its codes say.
   *
   * @param windows I32 {@code [n]} token ids each, see {@link EvaluationWindows}
   */
  public static Perplexity measure(Model model, List<Tensor> windows, JobOptions options) {
    try (Backend backend = options.openBackend()) {
      return measure(model, windows, Pass.of(model, backend, options), options);
    }
  }

  /**
   * Measures {@code model} with weights, inputs and caches quantized and dequantized as decided.
   *
   * @param windows I32 {@code [n]} token ids each, see {@link EvaluationWindows}
   * @throws DataException if no window has two tokens
   */
  public static Perplexity measure(
      Model model, Decisions decisions, List<Tensor> windows, JobOptions options) {
    try (Backend backend = options.openBackend()) {
      Pass pass = Pass.plain(backend, options.precisionFor(model)).simulating(decisions);
      return measure(model, windows, pass, options);
    }
  }

  /** Measures {@code model} under {@code pass}; window after window, layer by layer. */
  public static Perplexity measure(
      Model model, List<Tensor> windows, Pass pass, JobOptions options) {
    long tokens = windows.stream().mapToLong(window -> window.shape().dim(0) - 1).sum();
    if (tokens < 1) {
      throw new DataException("perplexity needs a window of at least two tokens");
    }
    double[] total = new double[1];
    Forward.run(
        "evaluate",
        model,
        windows,
        pass,
        options,
        (window, logits) -> {
          int[] targets = targets(windows.get(window).toInts());
          for (double likelihood : pass.backend().logLikelihoods(logits, targets)) {
            total[0] += likelihood;
          }
        });
    return new Perplexity(Math.exp(-total[0] / tokens), tokens, windows.size());
  }

  /** Each row of the logits predicts the token after it; the last predicts none. */
  private static int[] targets(int[] ids) {
    int[] targets = Arrays.copyOfRange(ids, 1, ids.length + 1);
    targets[ids.length - 1] = -1;
    return targets;
  }
}
