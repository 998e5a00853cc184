package org.modelopt.models.evaluation;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Supplier;
import org.modelopt.compute.Backend;
import org.modelopt.decision.Decisions;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.models.HfModel;
import org.modelopt.models.task.TaskRunner;
import org.modelopt.report.Report;
import org.modelopt.tensor.Tensor;

/**
 * Holds a quantized model against limits before it is published.
 *
 * @param rails the limits
 * @param windows text for limits of perplexity and divergence, made only if there is one
 * @param data questions by name of task
 * @param examples solved examples by name of task
 */
public record Guard(
    List<Guardrail> rails,
    Supplier<List<Tensor>> windows,
    Map<String, Path> data,
    Map<String, Path> examples) {
  /** Copies the collections. */
  public Guard {
    rails = List.copyOf(rails);
    data = Map.copyOf(data);
    examples = Map.copyOf(examples);
  }

  /**
   * What was found.
   *
   * @param broken for each broken limit, what is wrong and by how much
   * @param figures what was measured, before and after
   */
  public record Outcome(List<String> broken, List<Report.Evaluation> figures) {
    /** Copies the lists. */
    public Outcome {
      broken = List.copyOf(broken);
      figures = List.copyOf(figures);
    }
  }

  /**
   * Measures {@code model} under {@code decisions} against the limits.
   *
   * @throws ConfigException if a limit is of a task whose questions are not given
   */
  public Outcome measure(HfModel model, Decisions decisions, JobOptions options) {
    List<Guardrail.OfTask> tasks =
        rails.stream()
            .filter(Guardrail.OfTask.class::isInstance)
            .map(Guardrail.OfTask.class::cast)
            .toList();
    for (Guardrail.OfTask task : tasks) {
      if (!TaskRunner.NAMES.contains(task.task()) || !data.containsKey(task.task())) {
        throw new ConfigException(
            "the limit of %s needs its questions (--guard-data %s=FILE); tasks are %s"
                .formatted(task.task(), task.task(), String.join(", ", TaskRunner.NAMES)));
      }
    }
    List<String> broken = new ArrayList<>();
    List<Report.Evaluation> figures = new ArrayList<>();
    if (tasks.size() < rails.size()) {
      Divergence divergence = Divergence.measure(model, decisions, windows.get(), options);
      rails.forEach(rail -> rail.broken(divergence).ifPresent(broken::add));
      figures.add(
          new Report.Evaluation(
              "Perplexity",
              OptionalDouble.of(divergence.originalPerplexity()),
              divergence.perplexity(),
              true));
      figures.add(
          new Report.Evaluation(
              "KL divergence", OptionalDouble.empty(), divergence.meanKl(), true));
    }
    for (Guardrail.OfTask task : tasks) {
      try (Backend backend = options.openBackend()) {
        Pass plain = Pass.of(model, backend, options);
        TaskRunner runner =
            new TaskRunner(
                task.task(),
                Objects.requireNonNull(data.get(task.task()), task.task()),
                Optional.ofNullable(examples.get(task.task())),
                Integer.MAX_VALUE);
        double before = runner.run(model, plain, options).accuracy();
        double after = runner.run(model, plain.simulating(decisions), options).accuracy();
        task.broken(task.task(), before, after).ifPresent(broken::add);
        figures.add(new Report.Evaluation(task.task(), OptionalDouble.of(before), after, false));
      }
    }
    return new Outcome(broken, figures);
  }
}
