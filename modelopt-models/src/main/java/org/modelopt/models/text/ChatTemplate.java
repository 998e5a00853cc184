package org.modelopt.models.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.modelopt.data.ChatMessage;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DataException;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.models.jinja.Template;
import org.modelopt.models.jinja.TemplateException;
import tools.jackson.databind.JsonNode;

/**
 * A checkpoint's chat template and the special tokens it writes.
 *
 * <p>The template is {@code chat_template.jinja}, or the field {@code chat_template} of {@code
 * chat_template.json} or {@code tokenizer_config.json}: a text, or a list of named ones of which
 * {@code default} counts. It is given {@code messages}, the special tokens, {@code
 * add_generation_prompt}, no tools and no documents. What it takes for today's date is fixed, 26
 * July 2024, so that the same conversations give the same tokens on any day.
 */
final class ChatTemplate {
  private static final LocalDateTime TODAY = LocalDateTime.of(2024, 7, 26, 0, 0);

  private static final Pattern DIRECTIVE = Pattern.compile("%(.)");

  private static final List<String> SPECIAL_TOKENS =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "pad_token",
          "sep_token",
          "cls_token",
          "mask_token");

  private final Path origin;
  private final Template template;
  private final Map<String, Object> constants;

  private ChatTemplate(Path origin, Template template, Map<String, Object> constants) {
    this.origin = origin;
    this.template = template;
    this.constants = constants;
  }

  private record Source(Path file, String text) {}

  /**
   * Reads the template of a checkpoint.
   *
   * @throws DataException if it has none, or it is malformed
   */
  static ChatTemplate read(Path directory) {
    Path file = directory.resolve("tokenizer_config.json");
    Optional<HfConfig> config =
        Files.exists(file) ? Optional.of(HfConfig.read(file)) : Optional.empty();
    Source source =
        standalone(directory)
            .or(() -> field(directory.resolve("chat_template.json")))
            .or(() -> config.flatMap(ChatTemplate::field))
            .orElseThrow(() ->
                new DataException(
                    directory
                        + " has no chat template (chat_template.jinja, or chat_template in"
                        + " tokenizer_config.json), so conversations cannot be rendered; give"
                        + " samples with a text instead of messages"));
    Map<String, Object> constants = new HashMap<>();
    constants.put("strftime_now", (Template.Function) ChatTemplate::today);
    // Absent for most models; templates ask whether they are none.
    constants.put("tools", Template.NONE);
    constants.put("documents", Template.NONE);
    config.ifPresent(fields ->
        SPECIAL_TOKENS.forEach(
            name -> specialToken(fields, name).ifPresent(token -> constants.put(name, token))));
    try {
      return new ChatTemplate(source.file(), Template.parse(source.text()), constants);
    } catch (TemplateException e) {
      throw failure(source.file(), e);
    }
  }

  private static Optional<Source> standalone(Path directory) {
    Path file = directory.resolve("chat_template.jinja");
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(new Source(file, Files.readString(file)));
    } catch (IOException e) {
      throw new CheckpointException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static Optional<Source> field(Path file) {
    return Files.exists(file) ? field(HfConfig.read(file)) : Optional.empty();
  }

  private static Optional<Source> field(HfConfig config) {
    JsonNode node = config.json().path("chat_template");
    if (node.isString()) {
      return Optional.of(new Source(config.file(), node.stringValue()));
    }
    for (JsonNode named : node) {
      if (named.path("name").stringValue("").equals("default")) {
        return Optional.of(new Source(config.file(), named.path("template").stringValue("")));
      }
    }
    return Optional.empty();
  }

  /** A special token is a text, or an object whose {@code content} is one. */
  private static Optional<String> specialToken(HfConfig config, String name) {
    JsonNode node = config.json().path(name);
    JsonNode text = node.isObject() ? node.path("content") : node;
    return text.isString() ? Optional.of(text.stringValue()) : Optional.empty();
  }

  /**
   * A conversation as text, special tokens written out.
   *
   * @param addGenerationPrompt whether what begins the answer of the model is put behind it
   * @throws DataException if the template fails on it or refuses it
   */
  String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    Map<String, Object> variables = new HashMap<>(constants);
    variables.put("add_generation_prompt", addGenerationPrompt);
    variables.put("messages", messages.stream().map(ChatTemplate::variables).toList());
    try {
      return template.render(variables);
    } catch (TemplateException e) {
      throw failure(origin, e);
    }
  }

  /** A message in the order in which templates may write it out. */
  private static Map<String, Object> variables(ChatMessage message) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("role", message.role());
    fields.put("content", message.content());
    return fields;
  }

  private static DataException failure(Path file, TemplateException cause) {
    return new DataException(
        "the chat template in %s fails: %s; give samples with a text instead of messages"
            .formatted(file, cause.getMessage()),
        cause);
  }

  /** The fixed date in a format of C's {@code strftime}. */
  private static Object today(List<Object> arguments) {
    String format = arguments.isEmpty() ? "" : String.valueOf(arguments.getFirst());
    return DIRECTIVE
        .matcher(format)
        .replaceAll(match ->
            TODAY.format(DateTimeFormatter.ofPattern(pattern(match.group(1)), Locale.ENGLISH)));
  }

  private static String pattern(String directive) {
    return switch (directive) {
      case "d" -> "dd";
      case "m" -> "MM";
      case "y" -> "yy";
      case "Y" -> "yyyy";
      case "b" -> "MMM";
      case "B" -> "MMMM";
      case "a" -> "EEE";
      case "A" -> "EEEE";
      case "H" -> "HH";
      case "I" -> "hh";
      case "M" -> "mm";
      case "S" -> "ss";
      case "p" -> "a";
      case "j" -> "DDD";
      case "%" -> "'%'";
      default -> throw new TemplateException("strftime_now does not know %" + directive);
    };
  }
}
