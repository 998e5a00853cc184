package org.modelopt.models.task;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.modelopt.error.ConfigException;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.job.Session;
import org.modelopt.models.HfModel;
import org.modelopt.models.generation.TextGenerator;

/**
 * A task by its name, with its files.
 *
 * @param name one of {@link #NAMES}
 * @param data the questions
 * @param examples solved examples to show, for mmlu (5) and gsm8k (8)
 * @param limit questions at most
 */
public record TaskRunner(String name, Path data, Optional<Path> examples, int limit) {
  /** Tasks with an accuracy. */
  public static final List<String> NAMES = List.of("mmlu", "arc", "hellaswag", "gsm8k");

  private static final int MMLU_SHOTS = 5;
  private static final int GSM8K_SHOTS = 8;
  private static final int GSM8K_TOKENS = 256;
  private static final int MAX_LENGTH = 4096;

  /** Measures {@code model} under {@code pass}. */
  public TaskScore run(HfModel model, Pass pass, JobOptions options) {
    return switch (name) {
      case "mmlu" ->
          choose(
              ChoiceFiles.mmlu(data, examples, examples.isPresent() ? MMLU_SHOTS : 0, subject()),
              model,
              pass,
              options);
      case "arc" -> choose(ChoiceFiles.arc(data), model, pass, options);
      case "hellaswag" -> choose(ChoiceFiles.hellaSwag(data), model, pass, options);
      case "gsm8k" -> solve(model, pass);
      default ->
          throw new ConfigException(
              "no task \"%s\"; tasks are %s".formatted(name, String.join(", ", NAMES)));
    };
  }

  private TaskScore choose(List<ChoiceItem> items, HfModel model, Pass pass, JobOptions options) {
    List<ChoiceItem> some = items.subList(0, Math.min(limit, items.size()));
    return MultipleChoice.measure(name, some, model, pass, options);
  }

  /** {@code abstract_algebra} of {@code abstract_algebra_test.csv}. */
  private String subject() {
    String file = String.valueOf(data.getFileName());
    String stem = file.contains(".") ? file.substring(0, file.indexOf('.')) : file;
    return stem.replaceAll("_(test|val|dev)$", "");
  }

  private TaskScore solve(HfModel model, Pass pass) {
    Path shown =
        examples.orElseThrow(
            () -> new ConfigException("gsm8k needs solved examples, for example its train.jsonl"));
    try (Session session = Session.open(model, pass)) {
      TextGenerator generator = new TextGenerator(session, model.tokenizer(), MAX_LENGTH);
      return Gsm8k.measure(
          data,
          shown,
          GSM8K_SHOTS,
          limit,
          generator,
          model.tokenizer(),
          TextGenerator.endTokens(model),
          GSM8K_TOKENS);
    }
  }
}
