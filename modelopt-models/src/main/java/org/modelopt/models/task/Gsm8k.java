package org.modelopt.models.task;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.data.TextEncoder;
import org.modelopt.error.DataException;
import org.modelopt.models.generation.Generation;
import org.modelopt.models.generation.GenerationOptions;
import org.modelopt.models.generation.TextGenerator;

/**
 * Grade-school arithmetic: JSONL with {@code question} and {@code answer}, whose last line is
 * {@code #### number}. Solved examples stand before each question; the text that is generated ends
 * at the next question, and its last number counts.
 */
public final class Gsm8k {
  private static final Pattern NUMBER = Pattern.compile("-?\\$?[0-9][0-9,]*(\\.[0-9]+)?");
  private static final Pattern MARKED = Pattern.compile("####\\s*(" + NUMBER.pattern() + ")");
  private static final List<String> STOPS = List.of("Question:", "\n\n");

  private Gsm8k() {}

  /**
   * Solves the questions of {@code test}.
   *
   * @param examples file in the same layout whose first {@code shots} are shown solved
   * @param limit questions at most
   * @throws DataException if a file cannot be used or has too few lines
   */
  public static TaskScore measure(
      Path test,
      Path examples,
      int shots,
      int limit,
      TextGenerator generator,
      TextEncoder encoder,
      Set<Integer> endTokens,
      int maxTokens) {
    List<JsonItems.Item> shown = JsonItems.read(examples);
    if (shown.size() < shots) {
      throw new DataException(
          "%s has %d solved examples, fewer than %d".formatted(examples, shown.size(), shots));
    }
    StringBuilder head = new StringBuilder();
    for (JsonItems.Item item : shown.subList(0, shots)) {
      head.append(prompt(item)).append(' ').append(item.text("answer")).append("\n\n");
    }
    List<JsonItems.Item> items = JsonItems.read(test);
    items = items.subList(0, Math.min(limit, items.size()));
    if (items.isEmpty()) {
      throw new DataException(test + " has no question");
    }
    GenerationOptions options = GenerationOptions.greedy(maxTokens, STOPS, endTokens);
    long correct = 0;
    for (JsonItems.Item item : items) {
      int[] prompt = encoder.encode(head + prompt(item), true);
      Generation solution = generator.generate(prompt, options, 0, () -> false);
      Optional<String> expected = answer(item.text("answer"));
      if (expected.isEmpty()) {
        throw item.failure("has no number after #### in \"answer\"");
      }
      correct += answer(solution.text()).equals(expected) ? 1 : 0;
    }
    return new TaskScore("gsm8k", correct, correct, items.size());
  }

  private static String prompt(JsonItems.Item item) {
    return "Question: " + item.text("question") + "\nAnswer:";
  }

  /** The number after {@code ####}, or else the last, without separators of thousands. */
  static Optional<String> answer(String text) {
    Matcher marked = MARKED.matcher(text);
    if (marked.find()) {
      return Optional.of(plain(marked.group(1)));
    }
    return NUMBER
        .matcher(text)
        .results()
        .reduce((first, second) -> second)
        .map(m -> plain(m.group()));
  }

  private static String plain(String number) {
    String digits = number.replace(",", "").replace("$", "");
    return digits.contains(".") ? digits.replaceAll("\\.?0+$", "") : digits;
  }
}
