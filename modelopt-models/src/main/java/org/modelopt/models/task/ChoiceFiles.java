package org.modelopt.models.task;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.modelopt.error.DataException;
import tools.jackson.databind.JsonNode;

/** Reads multiple-choice questions in the layouts in which they are published. */
public final class ChoiceFiles {
  private static final String LETTERS = "ABCDEFGHIJ";

  private ChoiceFiles() {}

  /** A question before it is put into a prompt. */
  private record Question(String text, List<String> choices, int answer) {
    String prompt() {
      StringBuilder prompt = new StringBuilder(text.strip()).append('\n');
      for (int i = 0; i < choices.size(); i++) {
        prompt.append(LETTERS.charAt(i)).append(". ").append(choices.get(i)).append('\n');
      }
      return prompt.append("Answer:").toString();
    }
  }

  /**
   * MMLU: CSV rows {@code question,A,B,C,D,letter} without a header, or JSONL with {@code
   * question}, {@code choices} and {@code answer} (index or letter). The answers are the letters.
   *
   * @param test the questions
   * @param examples questions in the same layout shown with their answers before each, as many as
   *     {@code shots}
   * @param subject named in the first line of the prompt
   */
  public static List<ChoiceItem> mmlu(
      Path test, Optional<Path> examples, int shots, String subject) {
    List<Question> shown = examples.map(ChoiceFiles::questions).orElse(List.of());
    if (shown.size() < shots) {
      throw new DataException(
          "%s has %d questions, too few for %d examples"
              .formatted(examples.map(Path::toString).orElse("no file"), shown.size(), shots));
    }
    StringBuilder head =
        new StringBuilder("The following are multiple choice questions (with answers) about ")
            .append(subject.replace('_', ' '))
            .append(".\n\n");
    for (Question question : shown.subList(0, shots)) {
      head.append(question.prompt())
          .append(' ')
          .append(LETTERS.charAt(question.answer()))
          .append("\n\n");
    }
    return questions(test).stream()
        .map(question ->
            new ChoiceItem(
                head + question.prompt(),
                IntStream.range(0, question.choices().size())
                    .mapToObj(i -> " " + LETTERS.charAt(i))
                    .toList(),
                question.answer()))
        .toList();
  }

  private static List<Question> questions(Path file) {
    boolean csv = file.toString().toLowerCase(Locale.ROOT).endsWith(".csv");
    List<Question> questions =
        csv ? csv(file) : JsonItems.read(file).stream().map(ChoiceFiles::mmluItem).toList();
    if (questions.isEmpty()) {
      throw new DataException(file + " has no question");
    }
    return questions;
  }

  private static Question mmluItem(JsonItems.Item item) {
    List<String> choices = new ArrayList<>();
    item.node().path("choices").forEach(choice -> choices.add(choice.asString("")));
    JsonNode answer = item.node().path("answer");
    int index = answer.isInt() ? answer.intValue() : LETTERS.indexOf(answer.asString("?"));
    if (choices.size() < 2 || index < 0 || index >= choices.size()) {
      throw item.failure("is no question with \"choices\" and an \"answer\" among them");
    }
    return new Question(item.text("question"), choices, index);
  }

  private static List<Question> csv(Path file) {
    List<Question> questions = new ArrayList<>();
    try {
      for (List<String> row : Csv.parse(Files.readString(file))) {
        int last = row.size() - 1;
        int answer = last < 2 ? -1 : LETTERS.indexOf(row.get(last).strip());
        if (answer < 0 || answer >= last - 1) {
          throw new DataException(
              "%s: row %d is not question, answers and the letter of one of them: %s"
                  .formatted(file, questions.size() + 1, row));
        }
        questions.add(new Question(row.getFirst(), row.subList(1, last), answer));
      }
    } catch (IOException e) {
      throw new DataException(file + " cannot be read: " + e, e);
    }
    return questions;
  }

  /**
   * ARC: JSONL with {@code question} (a text, or an object with {@code stem} and {@code choices}),
   * {@code choices} ({@code text} and {@code label}) and {@code answerKey}.
   */
  public static List<ChoiceItem> arc(Path file) {
    return JsonItems.read(file).stream().map(ChoiceFiles::arcItem).toList();
  }

  private static ChoiceItem arcItem(JsonItems.Item item) {
    JsonNode question = item.node().path("question");
    JsonNode choices = question.isObject() ? question.path("choices") : item.node().path("choices");
    String stem = question.isObject() ? question.path("stem").asString("") : item.text("question");
    List<String> texts = new ArrayList<>();
    List<String> labels = new ArrayList<>();
    if (choices.isArray()) {
      choices.forEach(choice -> {
        texts.add(" " + choice.path("text").asString(""));
        labels.add(choice.path("label").asString(""));
      });
    } else {
      choices.path("text").forEach(text -> texts.add(" " + text.asString("")));
      choices.path("label").forEach(label -> labels.add(label.asString("")));
    }
    int answer = labels.indexOf(item.text("answerKey"));
    if (texts.size() < 2 || answer < 0 || texts.size() != labels.size()) {
      throw item.failure("is no question with labelled \"choices\" and an \"answerKey\"");
    }
    return new ChoiceItem("Question: " + stem + "\nAnswer:", texts, answer);
  }

  /**
   * HellaSwag: JSONL with {@code ctx_a}, {@code ctx_b}, {@code activity_label}, {@code endings} and
   * {@code label}.
   */
  public static List<ChoiceItem> hellaSwag(Path file) {
    return JsonItems.read(file).stream().map(ChoiceFiles::hellaSwagItem).toList();
  }

  private static ChoiceItem hellaSwagItem(JsonItems.Item item) {
    JsonNode node = item.node();
    String second = node.path("ctx_b").asString("");
    String context =
        node.has("ctx_a")
            ? item.text("ctx_a")
                + (second.isEmpty()
                    ? ""
                    : " " + second.substring(0, 1).toUpperCase(Locale.ROOT) + second.substring(1))
            : item.text("ctx");
    String activity = node.path("activity_label").asString("");
    List<String> endings = new ArrayList<>();
    node.path("endings").forEach(ending -> endings.add(" " + cleaned(ending.asString(""))));
    int answer = node.path("label").asInt(-1);
    if (endings.size() < 2 || answer < 0 || answer >= endings.size()) {
      throw item.failure("has no \"endings\" with a \"label\" among them");
    }
    return new ChoiceItem(
        cleaned((activity.isEmpty() ? "" : activity + ": ") + context), endings, answer);
  }

  /** Texts from WikiHow carry marks of titles in brackets. */
  private static String cleaned(String text) {
    return text.strip().replace(" [title]", ". ").replaceAll("\\[.*?\\]", "").replace("  ", " ");
  }
}
