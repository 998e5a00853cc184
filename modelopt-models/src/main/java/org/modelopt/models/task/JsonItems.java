package org.modelopt.models.task;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.error.DataException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Lines of a JSONL file, with messages that name file and line. */
final class JsonItems {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private JsonItems() {}

  /** A line and where it is. */
  record Item(Path file, int line, JsonNode node) {
    /** A text field. */
    String text(String field) {
      JsonNode value = node.path(field);
      if (!value.isString()) {
        throw failure("has no text \"" + field + "\"");
      }
      return value.stringValue();
    }

    /** What to throw when this line cannot be used. */
    DataException failure(String what) {
      return new DataException(
          "%s: line %d %s; its fields are %s"
              .formatted(file, line, what, String.join(", ", node.propertyNames())));
    }
  }

  static List<Item> read(Path file) {
    List<Item> items = new ArrayList<>();
    try {
      int number = 0;
      for (String line : Files.readAllLines(file)) {
        number++;
        if (!line.isBlank()) {
          items.add(new Item(file, number, parse(file, number, line)));
        }
      }
    } catch (IOException e) {
      throw new DataException(file + " cannot be read: " + e, e);
    }
    return items;
  }

  private static JsonNode parse(Path file, int number, String line) {
    try {
      JsonNode node = MAPPER.readTree(line);
      if (node.isObject()) {
        return node;
      }
      throw new DataException(file + ": line " + number + " is not a JSON object");
    } catch (JacksonException e) {
      throw new DataException(
          "%s: line %d is not JSON: %s".formatted(file, number, e.getOriginalMessage()), e);
    }
  }
}
