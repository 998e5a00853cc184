package org.modelopt.models.evaluation;

import java.util.List;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.decision.Decisions;
import org.modelopt.error.DataException;
import org.modelopt.job.Activations;
import org.modelopt.job.JobOptions;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.Pass;
import org.modelopt.job.Progress;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;

/**
 * How far a model's predictions are from those of the original, token by token over the same
 * windows.
 *
 * @param meanKl mean over all positions of {@code sum p ln(p / q)} in nats, p the original's
 *     distribution of the next token, q the other's
 * @param topAgreement share of positions at which both find the same token likeliest
 * @param overlap mean over all positions of {@code sum min(p, q)}, 1 minus the total variation
 *     distance: the share of tokens drawn from q that speculative sampling for p accepts (Leviathan
 *     et al. 2023, "Fast Inference from Transformers via Speculative Decoding", theorem 3.5)
 * @param flips positions at which one finds the token likeliest that follows and the other does
 *     not; the last position of a window, which nothing follows, does not count
 * @param positions positions compared
 * @param perplexity of the other model over the same windows
 * @param originalPerplexity of the original
 */
public record Divergence(
    double meanKl,
    double topAgreement,
    double overlap,
    long flips,
    long positions,
    double perplexity,
    double originalPerplexity) {
  /** Increase of perplexity in percent of the original's. */
  public double perplexityIncreasePercent() {
    return 100 * (perplexity / originalPerplexity - 1);
  }

  /**
   * Compares {@code model} as it is with {@code model} under {@code decisions}.
   *
   * @param windows I32 {@code [n]} token ids each, see {@link EvaluationWindows}
   */
  public static Divergence measure(
      Model model, Decisions decisions, List<Tensor> windows, JobOptions options) {
    try (Backend backend = options.openBackend()) {
      Pass plain = Pass.of(model, backend, options);
      return measure(model, plain, model, plain.simulating(decisions), windows, options);
    }
  }

  /**
   * Compares two models with the same tokens, for example an original and its quantized checkpoint.
   *
   * @param windows I32 {@code [n]} token ids each, see {@link EvaluationWindows}
   * @throws DataException if their vocabularies differ or no window has two tokens
   */
  public static Divergence measure(
      Model original, Model other, List<Tensor> windows, JobOptions options) {
    try (Backend backend = options.openBackend()) {
      return measure(
          original,
          Pass.of(original, backend, options),
          other,
          Pass.of(other, backend, options),
          windows,
          options);
    }
  }

  /** Both run layer by layer up to their heads, then window by window side by side. */
  private static Divergence measure(
      Model original,
      Pass originalPass,
      Model other,
      Pass otherPass,
      List<Tensor> windows,
      JobOptions options) {
    if (windows.stream().allMatch(window -> window.shape().dim(0) < 2)) {
      throw new DataException("a comparison needs a window of at least two tokens");
    }
    DivergenceSums sums = new DivergenceSums(originalPass.backend().workers());
    try (Activations first = toHead(original, originalPass, windows, options);
        Activations second = toHead(other, otherPass, windows, options);
        LayerParameters firstHead =
            LayerParameters.load(original, original.layers().getLast(), originalPass);
        LayerParameters secondHead =
            LayerParameters.load(other, other.layers().getLast(), otherPass)) {
      for (int i = 0; i < windows.size(); i++) {
        try (Scope scope = originalPass.backend().openScope()) {
          Tensor p = first.output(i, original.layers().getLast(), firstHead, originalPass, scope);
          Tensor q = second.output(i, other.layers().getLast(), secondHead, otherPass, scope);
          sums.add(
              originalPass.backend().toHost(p, scope),
              otherPass.backend().toHost(q, scope),
              windows.get(i).toInts());
        }
        options
            .progress()
            .update(new Progress("compare", i + 1, windows.size(), "windows", "logits"));
      }
    }
    return sums.finish();
  }

  private static Activations toHead(
      Model model, Pass pass, List<Tensor> windows, JobOptions options) {
    Activations activations = Activations.of(model, windows, pass, options);
    try {
      List<Layer> layers = model.layers();
      for (Layer layer : layers.subList(0, layers.size() - 1)) {
        try (LayerParameters parameters = LayerParameters.load(model, layer, pass)) {
          activations.advance(layer, parameters, pass, () -> {});
        }
      }
      return activations;
    } catch (RuntimeException | Error e) {
      activations.close();
      throw e;
    }
  }
}
