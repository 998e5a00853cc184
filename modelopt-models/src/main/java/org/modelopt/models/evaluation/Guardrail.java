package org.modelopt.models.evaluation;

import java.util.Locale;
import java.util.Optional;
import org.modelopt.error.ConfigException;

/**
 * A limit that a quantized model must keep to be published.
 *
 * <p>As text: {@code perplexity:2} (at most 2% more perplexity than the original), {@code kl:0.05}
 * (at most 0.05 nats of mean divergence), {@code mmlu:1.5} (accuracy at most 1.5 points lower).
 */
public sealed interface Guardrail {
  /**
   * Perplexity may grow.
   *
   * @param maxIncreasePercent by at most so many percent of the original's
   */
  record OfPerplexity(double maxIncreasePercent) implements Guardrail {}

  /**
   * Predictions may diverge.
   *
   * @param maxNats by at most so many nats in the mean
   */
  record OfDivergence(double maxNats) implements Guardrail {}

  /**
   * Accuracy in a task may drop.
   *
   * @param task name of the task
   * @param maxDropPoints by at most so many points of a hundred
   */
  record OfTask(String task, double maxDropPoints) implements Guardrail {}

  /** Perplexity grows by at most {@code maxIncreasePercent} percent. */
  static Guardrail perplexity(double maxIncreasePercent) {
    return new OfPerplexity(maxIncreasePercent);
  }

  /** Mean KL divergence from the original is at most {@code maxNats}. */
  static Guardrail kl(double maxNats) {
    return new OfDivergence(maxNats);
  }

  /** Accuracy in {@code task} drops by at most {@code maxDropPoints} points of a hundred. */
  static Guardrail task(String task, double maxDropPoints) {
    return new OfTask(task, maxDropPoints);
  }

  /**
   * Reads {@code NAME:LIMIT}.
   *
   * @throws ConfigException if it is something else
   */
  static Guardrail parse(String text) {
    int colon = text.lastIndexOf(':');
    String name = colon < 0 ? "" : text.substring(0, colon).toLowerCase(Locale.ROOT);
    double limit;
    try {
      limit = colon < 0 ? -1 : Double.parseDouble(text.substring(colon + 1));
    } catch (NumberFormatException e) {
      throw new ConfigException(
          "guard \"" + text + "\": the limit is not a number; write for example perplexity:2", e);
    }
    if (name.isEmpty() || !(limit >= 0)) {
      throw new ConfigException(
          "guard \"%s\" is not NAME:LIMIT with a limit not below 0; write perplexity:PERCENT, kl:NATS or TASK:POINTS"
              .formatted(text));
    }
    return switch (name) {
      case "perplexity", "ppl" -> perplexity(limit);
      case "kl" -> kl(limit);
      default -> task(name, limit);
    };
  }

  /** What is wrong, and by how much, if {@code divergence} breaks this limit. */
  default Optional<String> broken(Divergence divergence) {
    return switch (this) {
      case OfPerplexity(double most) ->
          fails(
              divergence.perplexityIncreasePercent() <= most,
              "perplexity grows by %.3f%%, from %.4f to %.4f, more than %s%%",
              divergence.perplexityIncreasePercent(),
              divergence.originalPerplexity(),
              divergence.perplexity(),
              most);
      case OfDivergence(double most) ->
          fails(
              divergence.meanKl() <= most,
              "mean KL divergence is %.5f nats, more than %s",
              divergence.meanKl(),
              most);
      case OfTask _ -> Optional.empty();
    };
  }

  /** What is wrong, and by how much, if accuracies of 0 to 1 in a task break this limit. */
  default Optional<String> broken(String name, double original, double accuracy) {
    if (!(this instanceof OfTask(String task, double most)) || !task.equals(name)) {
      return Optional.empty();
    }
    double drop = 100 * (original - accuracy);
    return fails(
        drop <= most,
        "%s drops by %.2f points, from %.2f to %.2f, more than %s",
        task,
        drop,
        100 * original,
        100 * accuracy,
        most);
  }

  private static Optional<String> fails(boolean kept, String format, Object... values) {
    // A value that is no number keeps no limit.
    return kept ? Optional.empty() : Optional.of(String.format(Locale.ROOT, format, values));
  }
}
