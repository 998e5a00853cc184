package org.modelopt.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.error.ConfigException;
import org.modelopt.error.QualityException;
import org.modelopt.models.evaluation.Guardrail;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * An earlier evaluation that later ones are held against.
 *
 * @param file where it stands
 * @param figures what {@code eval --json} printed then
 * @param limits how much worse it may get
 */
record Baseline(Path file, JsonNode figures, List<Guardrail> limits) {
  private static final double TASK_POINTS = 2;

  /**
   * Reads it.
   *
   * @throws ConfigException if the file is not the output of an evaluation
   */
  static Baseline read(Path file, List<Guardrail> limits) {
    if (!Files.exists(file)) {
      throw new ConfigException(
          file + " does not exist; make it by: modelopt eval … --json > " + file);
    }
    JsonNode figures;
    try {
      figures = new JsonMapper().readTree(file);
    } catch (JacksonException e) {
      throw new ConfigException(file + " is not JSON: " + e.getOriginalMessage(), e);
    }
    if (!figures.has("perplexity") && !figures.has("task")) {
      throw new ConfigException(
          file + " has neither perplexity nor a task's accuracy; give what eval --json printed");
    }
    return new Baseline(file, figures, limits);
  }

  /**
   * Compares.
   *
   * @throws QualityException if something has become worse than the limits allow; says by how much
   */
  void check(JsonNode now) {
    List<String> worse = new ArrayList<>();
    if (now.has("task")) {
      task(now).ifPresent(worse::add);
    } else {
      for (Guardrail limit : limits) {
        (switch (limit) {
              case Guardrail.OfPerplexity(double percent) -> perplexity(now, percent);
              case Guardrail.OfDivergence(double nats) -> divergence(now, nats);
              case Guardrail.OfTask _ -> Optional.<String>empty();
            })
            .ifPresent(worse::add);
      }
    }
    if (!worse.isEmpty()) {
      throw new QualityException(
          "drift from %s: %s; look at what has changed, and fall back to the original until it is understood"
              .formatted(file, String.join("; ", worse)));
    }
  }

  private Optional<String> perplexity(JsonNode now, double percent) {
    double before = figure("perplexity");
    double value = now.path("perplexity").asDouble(Double.NaN);
    return unless(
        100 * (value / before - 1) <= percent,
        "perplexity grew by %.3f%%, from %.4f to %.4f, more than %s%%",
        100 * (value / before - 1),
        before,
        value,
        percent);
  }

  private Optional<String> divergence(JsonNode now, double nats) {
    if (!now.has("kl")) {
      return Optional.empty();
    }
    double before = figure("kl");
    double value = now.path("kl").asDouble(Double.NaN);
    return unless(
        value - before <= nats,
        "KL divergence grew by %.5f nats, from %.5f to %.5f, more than %s",
        value - before,
        before,
        value,
        nats);
  }

  private Optional<String> task(JsonNode now) {
    String name = now.path("task").asString();
    if (!figures.path("task").asString("").equals(name)) {
      throw new ConfigException(
          "%s has no accuracy in %s; make one by the same eval with --json".formatted(file, name));
    }
    double points =
        limits.stream()
            .filter(Guardrail.OfTask.class::isInstance)
            .map(Guardrail.OfTask.class::cast)
            .filter(limit -> limit.task().equals(name))
            .mapToDouble(Guardrail.OfTask::maxDropPoints)
            .findFirst()
            .orElse(TASK_POINTS);
    double drop = 100 * (figure("accuracy") - now.path("accuracy").asDouble(Double.NaN));
    return unless(
        drop <= points,
        "%s dropped by %.2f points, from %.2f, more than %s",
        name,
        drop,
        100 * figure("accuracy"),
        points);
  }

  private double figure(String name) {
    if (!figures.path(name).isNumber()) {
      throw new ConfigException(
          "%s has no %s; make it by the same eval with --json".formatted(file, name));
    }
    return figures.path(name).asDouble();
  }

  /** {@code kept} is false for a value that is no number. */
  private static Optional<String> unless(boolean kept, String message, Object... values) {
    return kept ? Optional.empty() : Optional.of(String.format(Locale.ROOT, message, values));
  }
}
