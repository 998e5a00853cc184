package org.modelopt.models.hf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.CheckpointException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A JSON object of a checkpoint, read field by field. Every complaint names the file, the field,
 * what was found and what is expected. A field that is {@code null} counts as absent.
 */
public final class HfConfig {
  // Some configs write Infinity and NaN as Python does.
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

  private final Path file;
  private final String path;
  private final ObjectNode json;

  private HfConfig(Path file, String path, ObjectNode json) {
    this.file = file;
    this.path = path;
    this.json = json;
  }

  /**
   * Reads a file.
   *
   * @throws CheckpointException if it is missing, is not JSON (with line and column), or holds
   *     something other than an object
   */
  public static HfConfig read(Path file) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(
          file + " is missing; a HuggingFace checkpoint directory has one", e);
    } catch (IOException e) {
      throw new CheckpointException(file + " cannot be read: " + e.getMessage(), e);
    }
    try {
      JsonNode node = MAPPER.readTree(bytes);
      if (node instanceof ObjectNode object) {
        return new HfConfig(file, "", object);
      }
      throw new CheckpointException(
          "%s holds %s where a JSON object belongs".formatted(file, describe(node)));
    } catch (JacksonException e) {
      throw new CheckpointException(
          "%s is not JSON: line %d, column %d: %s"
              .formatted(
                  file,
                  e.getLocation() == null ? 0 : e.getLocation().getLineNr(),
                  e.getLocation() == null ? 0 : e.getLocation().getColumnNr(),
                  e.getOriginalMessage()),
          e);
    }
  }

  /** The file this was read from. */
  public Path file() {
    return file;
  }

  /** A copy of the whole object. */
  public ObjectNode json() {
    return json.deepCopy();
  }

  /** Whether the field is there and not {@code null}. */
  public boolean has(String field) {
    return find(field) != null;
  }

  /** A text. */
  public String text(String field) {
    return findText(field).orElseThrow(() -> missing(field));
  }

  /** A text, if the field is there. */
  public Optional<String> findText(String field) {
    JsonNode node = find(field);
    if (node == null) {
      return Optional.empty();
    }
    if (!node.isString()) {
      throw wrong(field, node, "a text");
    }
    return Optional.of(node.stringValue());
  }

  /** A positive integer. */
  public int count(String field) {
    OptionalInt value = findCount(field);
    if (value.isEmpty()) {
      throw missing(field);
    }
    return value.getAsInt();
  }

  /** A positive integer, if the field is there. */
  public OptionalInt findCount(String field) {
    JsonNode node = find(field);
    if (node == null) {
      return OptionalInt.empty();
    }
    int value = integer(field, node, "a positive integer");
    if (value < 1) {
      throw wrong(field, node, "a positive integer");
    }
    return OptionalInt.of(value);
  }

  /** A token id (an integer, not negative), or the first of a list of them, if it is there. */
  public OptionalInt findTokenId(String field) {
    JsonNode node = find(field);
    if (node != null && node.isArray() && !node.isEmpty()) {
      node = node.get(0);
    }
    if (node == null) {
      return OptionalInt.empty();
    }
    int value = integer(field, node, "a token id");
    // -1 stands for "none" in a few configs.
    return value < 0 ? OptionalInt.empty() : OptionalInt.of(value);
  }

  /** All token ids of a field that is one or a list of them; none if it is absent. */
  public List<Integer> findTokenIds(String field) {
    JsonNode node = find(field);
    if (node == null) {
      return List.of();
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode one : node.isArray() ? node : MAPPER.createArrayNode().add(node)) {
      int id = integer(field, one, "a token id or a list of them");
      if (id >= 0) {
        ids.add(id);
      }
    }
    return ids;
  }

  /** A number. */
  public double number(String field) {
    OptionalDouble value = findNumber(field);
    if (value.isEmpty()) {
      throw missing(field);
    }
    return value.getAsDouble();
  }

  /** A number, if the field is there. */
  public OptionalDouble findNumber(String field) {
    JsonNode node = find(field);
    if (node == null) {
      return OptionalDouble.empty();
    }
    if (!node.isNumber()) {
      throw wrong(field, node, "a number");
    }
    return OptionalDouble.of(node.doubleValue());
  }

  /** A truth value, or {@code fallback} if the field is absent. */
  public boolean flag(String field, boolean fallback) {
    JsonNode node = find(field);
    if (node == null) {
      return fallback;
    }
    if (!node.isBoolean()) {
      throw wrong(field, node, "true or false");
    }
    return node.booleanValue();
  }

  /** A list of texts, if the field is there. */
  public Optional<List<String>> findTexts(String field) {
    return findList(
        field, "a list of texts", (node, list) -> node.isString() && list.add(node.stringValue()));
  }

  /** A list of numbers, if the field is there. */
  public Optional<List<Double>> findNumbers(String field) {
    return findList(
        field,
        "a list of numbers",
        (node, list) -> node.isNumber() && list.add(node.doubleValue()));
  }

  /** An object within this one, if the field is there. */
  public Optional<HfConfig> section(String field) {
    JsonNode node = find(field);
    if (node == null) {
      return Optional.empty();
    }
    if (node instanceof ObjectNode object) {
      return Optional.of(new HfConfig(file, path + field + ".", object));
    }
    throw wrong(field, node, "an object");
  }

  /**
   * What to throw when the value of a field is well-formed but cannot be used.
   *
   * @param expected what would do, for example {@code "a multiple of num_key_value_heads"}
   */
  public CheckpointException unusable(String field, String expected) {
    JsonNode node = find(field);
    return node == null ? missing(field) : wrong(field, node, expected);
  }

  /** What to throw when a field is needed and absent. */
  public CheckpointException missing(String field) {
    return new CheckpointException(
        "%s: field \"%s%s\" is missing and has no default; the file is incomplete or of another"
                .formatted(file, path, field)
            + " architecture");
  }

  private CheckpointException wrong(String field, JsonNode found, String expected) {
    return new CheckpointException(
        "%s: field \"%s%s\" is %s but must be %s"
            .formatted(file, path, field, describe(found), expected));
  }

  private @Nullable JsonNode find(String field) {
    JsonNode node = json.get(field);
    return node == null || node.isNull() ? null : node;
  }

  private int integer(String field, JsonNode node, String expected) {
    // 4096.0 is what some converters write for 4096.
    double value = node.isNumber() ? node.doubleValue() : Double.NaN;
    if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
      throw wrong(field, node, expected);
    }
    return (int) value;
  }

  private interface Element<T> {
    boolean addTo(JsonNode node, List<T> list);
  }

  private <T> Optional<List<T>> findList(String field, String expected, Element<T> element) {
    JsonNode node = find(field);
    if (node == null) {
      return Optional.empty();
    }
    List<T> values = new ArrayList<>();
    boolean good = node.isArray();
    for (int i = 0; good && i < node.size(); i++) {
      good = element.addTo(node.get(i), values);
    }
    if (!good) {
      throw wrong(field, node, expected);
    }
    return Optional.of(List.copyOf(values));
  }

  private static String describe(JsonNode node) {
    String text = node.toString();
    return text.isEmpty() ? "nothing" : text.length() > 60 ? text.substring(0, 60) + "…" : text;
  }
}
