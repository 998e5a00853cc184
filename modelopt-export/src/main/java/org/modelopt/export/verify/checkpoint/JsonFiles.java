package org.modelopt.export.verify.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads the JSON files of an export: UTF-8, one object, no duplicate keys. */
public final class JsonFiles {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private static final Violation MALFORMED =
      new Violation(
          "malformed JSON",
          "consumers stop at it, or keep only the last of two equal keys",
          "write the file anew");

  private JsonFiles() {}

  /** The object in {@code name}; empty if there is no such file or, with a finding, no object. */
  public static Optional<JsonNode> read(Path directory, String name, Findings findings) {
    Path file = directory.resolve(name);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
              .toString();
      JsonNode node = MAPPER.readTree(text);
      if (node.isObject()) {
        return Optional.of(node);
      }
      findings.error(MALFORMED, Place.file(name), "an object", node.getNodeType());
    } catch (CharacterCodingException e) {
      findings.error(MALFORMED, Place.file(name), "UTF-8 text", "other bytes");
    } catch (IOException e) {
      findings.error(MALFORMED, Place.file(name), "a readable file", e);
    } catch (JacksonException e) {
      findings.error(MALFORMED, Place.file(name), "valid JSON", e.getOriginalMessage());
    }
    return Optional.empty();
  }
}
