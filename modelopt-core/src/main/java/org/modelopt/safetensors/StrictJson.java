package org.modelopt.safetensors;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.CheckpointException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/**
 * One JSON object read strictly from a file: UTF-8 only, no duplicate names, nothing after it.
 *
 * <p>Failures name the file, which part of it, and the character where reading stopped.
 */
final class StrictJson {
  /** Most bytes of JSON that are read: the format's limit for a header. */
  static final int MAX_BYTES = 100_000_000;

  private static final int LONGEST_REASON = 300;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(128)
                  .maxNameLength(MAX_BYTES)
                  .maxStringLength(MAX_BYTES)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          // Names are unique within a file: a symbol table would only cost memory.
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .build();

  private final Path file;
  private final String part;
  private final JsonParser parser;

  private StrictJson(Path file, String part, JsonParser parser) {
    this.file = file;
    this.part = part;
    this.parser = parser;
  }

  /** What to do with each entry of an object; the value's first token is current. */
  @FunctionalInterface
  interface EntryTask {
    void read(String name);
  }

  /** What to do with an open document. */
  @FunctionalInterface
  interface DocumentTask {
    void read(StrictJson json);
  }

  /**
   * Reads the whole of {@code bytes} as one object.
   *
   * @param part which part of the file this is, for messages
   * @throws CheckpointException if it is not one well-formed JSON object
   */
  static void read(Path file, String part, InputStream bytes, DocumentTask task) {
    // A reader, not the stream itself: the parser would guess the encoding of a stream, and UTF-16
    // is not allowed.
    Reader text =
        new InputStreamReader(
            bytes,
            StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT));
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      StrictJson json = new StrictJson(file, part, parser);
      parser.nextToken();
      json.expect(JsonToken.START_OBJECT, "an object");
      task.read(json);
      if (parser.nextToken() != null) {
        throw json.malformed("there is more after its closing brace");
      }
    } catch (JacksonException e) {
      if (e.getCause() instanceof CharacterCodingException) {
        throw new CheckpointException(file + ": " + part + " is not UTF-8 text; it is damaged", e);
      }
      if (e.getCause() instanceof IOException cause) {
        throw new CheckpointException(file + ": cannot be read: " + cause, cause);
      }
      throw new CheckpointException(
          "%s: %s is not valid JSON%s: %s; it is damaged"
              .formatted(file, part, position(e), cut(e.getOriginalMessage())),
          e);
    }
  }

  private static String position(JacksonException e) {
    return e.getLocation() == null || e.getLocation().getCharOffset() < 0
        ? ""
        : " at character " + e.getLocation().getCharOffset();
  }

  private static String cut(@Nullable String reason) {
    String text = Objects.requireNonNullElse(reason, "unreadable");
    return text.length() <= LONGEST_REASON ? text : text.substring(0, LONGEST_REASON) + "...";
  }

  /** Runs {@code task} for each entry of the object whose opening brace is the current token. */
  void forEachEntry(EntryTask task) {
    expect(JsonToken.START_OBJECT, "an object");
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = wellFormed(parser.currentName());
      parser.nextToken();
      task.read(name);
    }
  }

  /** Runs {@code task} for each element of the array whose opening bracket is the current token. */
  void forEachElement(Runnable task) {
    expect(JsonToken.START_ARRAY, "an array");
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      task.run();
    }
  }

  /** The current value, which must be a string. */
  String string() {
    expect(JsonToken.VALUE_STRING, "a string");
    return wellFormed(parser.getString());
  }

  /** The current value, which must be an integer from 0 to 2^63 - 1. */
  long count() {
    expect(JsonToken.VALUE_NUMBER_INT, "a whole number");
    String digits = parser.getString();
    if (digits.startsWith("-")) {
      throw malformed("found " + cut(digits) + ", expected a number that is not negative");
    }
    try {
      return Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw malformed("found " + cut(digits) + ", expected a number below 2^63");
    }
  }

  /** The current value if it is an integer from 0 to 2^63 - 1; others are passed over. */
  OptionalLong countOrSkip() {
    if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
      try {
        return OptionalLong.of(Long.parseLong(parser.getString()));
      } catch (NumberFormatException e) {
        return OptionalLong.empty();
      }
    }
    skip();
    return OptionalLong.empty();
  }

  /** Whether the current value is null. */
  boolean isNull() {
    return parser.currentToken() == JsonToken.VALUE_NULL;
  }

  /** Passes over the current value. */
  void skip() {
    parser.skipChildren();
  }

  /** The failure that {@code reason} describes, at the current place. */
  CheckpointException malformed(String reason) {
    return new CheckpointException(
        "%s: %s is malformed at character %d: %s"
            .formatted(file, part, parser.currentTokenLocation().getCharOffset(), reason));
  }

  private void expect(JsonToken token, String expected) {
    if (parser.currentToken() != token) {
      String found = parser.currentToken() == null ? "the end" : cut(parser.getString());
      throw malformed("found " + found + ", expected " + expected);
    }
  }

  private String wellFormed(String text) {
    if (!JsonText.isWellFormed(text)) {
      throw malformed("the string " + JsonText.quote(text) + " has half of a surrogate pair");
    }
    return text;
  }
}
