package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.modelopt.data.Contamination;
import org.modelopt.error.ExportException;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.evaluation.EvaluationWindows;
import org.modelopt.models.evaluation.Guard;
import org.modelopt.models.evaluation.Guardrail;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.report.Report;
import org.modelopt.tensor.Tensor;
import picocli.CommandLine.Option;

/** Limits that a quantized model must keep to be published. */
final class GuardArguments {
  @Option(
      names = "--guard",
      paramLabel = "NAME:LIMIT",
      description =
          "Publish only if the quantized model keeps this limit: perplexity:PERCENT, kl:NATS, or"
              + " TASK:POINTS with mmlu, arc, hellaswag or gsm8k; repeatable.")
  private List<String> guards = new ArrayList<>();

  @Option(
      names = "--guard-text",
      paramLabel = "FILE",
      description =
          "Text for the limits of perplexity and kl. Default: text that comes with this program.")
  private @Nullable Path text;

  @Option(
      names = "--guard-data",
      paramLabel = "TASK=FILE",
      description = "Questions of a task with a limit; repeatable.")
  private Map<String, Path> data = new LinkedHashMap<>();

  @Option(
      names = "--guard-examples",
      paramLabel = "TASK=FILE",
      description = "Solved examples shown before each question (mmlu, gsm8k); repeatable.")
  private Map<String, Path> examples = new LinkedHashMap<>();

  @Option(
      names = "--allow-contamination",
      description = "Check limits even on text that the calibration data holds, too.")
  private boolean contaminationAllowed;

  /** The limits, as they were given. */
  List<String> limits() {
    return List.copyOf(guards);
  }

  /**
   * Checks all limits.
   *
   * @return what was measured; nothing without limits
   * @throws ExportException if one is broken; the message says by how much
   */
  List<Report.Evaluation> check(
      HfModel model,
      QuantizedModel quantized,
      JobOptions options,
      Terminal terminal,
      boolean json) {
    if (guards.isEmpty()) {
      return List.of();
    }
    List<Guardrail> rails = guards.stream().map(Guardrail::parse).toList();
    Guard guard = new Guard(rails, () -> windows(model, quantized), data, examples);
    Guard.Outcome outcome = guard.measure(model, quantized.decisions(), options);
    List<String> broken = outcome.broken();
    if (!broken.isEmpty()) {
      throw new ExportException(
          "%s under %s is not published, for %s; quantize less of it (--exclude, another --config) or allow more"
              .formatted(model.name(), quantized.config().name(), String.join("; ", broken)));
    }
    if (!json) {
      terminal.line("%-12s%s".formatted("guarded", String.join(", ", guards)));
    }
    return outcome.figures();
  }

  private List<Tensor> windows(HfModel model, QuantizedModel quantized) {
    List<Tensor> windows =
        EvaluationWindows.ofText(
            text == null ? PocketModel.evaluationText() : EvalText.read(text),
            model.tokenizer(),
            EvalText.beginOfText(model),
            512,
            32);
    if (!contaminationAllowed) {
      quantized.samples().ifPresent(set -> Contamination.of(set.samples(), windows).require());
    }
    return windows;
  }
}
