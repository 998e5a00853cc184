package org.modelopt.models.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.modelopt.error.CheckpointException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Whether two models mean the same text by the same token ids. */
public final class SameTokens {
  private static final String FILE = "tokenizer.json";

  private SameTokens() {}

  /**
   * Compares the vocabularies, added tokens included.
   *
   * @param first directory of a checkpoint
   * @param second directory of another
   * @throws CheckpointException if they differ, with a token that does, or cannot be read
   */
  public static void require(Path first, Path second) {
    Map<String, Integer> own = vocabulary(first.resolve(FILE));
    Map<String, Integer> others = vocabulary(second.resolve(FILE));
    for (Map.Entry<String, Integer> token : own.entrySet()) {
      Integer other = others.get(token.getKey());
      if (!token.getValue().equals(other)) {
        throw new CheckpointException(
            "%s and %s do not have the same tokens: \"%s\" is %d in the one and %s in the other; a draft must share its target's tokenizer"
                .formatted(
                    first,
                    second,
                    token.getKey(),
                    token.getValue(),
                    other == null ? "not there" : other));
      }
    }
    if (others.size() > own.size()) {
      throw new CheckpointException(
          "%s has %d tokens and %s %d; a draft must share its target's tokenizer"
              .formatted(first, own.size(), second, others.size()));
    }
  }

  private static Map<String, Integer> vocabulary(Path file) {
    if (!Files.exists(file)) {
      throw new CheckpointException(file + " is missing, so tokens cannot be compared");
    }
    JsonNode root;
    try {
      root = new JsonMapper().readTree(file);
    } catch (JacksonException e) {
      throw new CheckpointException(file + " is not JSON: " + e.getOriginalMessage(), e);
    }
    Map<String, Integer> tokens = new TreeMap<>();
    JsonNode vocabulary = root.path("model").path("vocab");
    vocabulary.properties().forEach(entry -> tokens.put(entry.getKey(), entry.getValue().asInt()));
    // A unigram model lists its tokens in the order of their ids.
    for (int id = 0; vocabulary.isArray() && id < vocabulary.size(); id++) {
      tokens.put(vocabulary.get(id).path(0).asString(), id);
    }
    for (JsonNode added : root.path("added_tokens")) {
      tokens.put(added.path("content").asString(), added.path("id").asInt());
    }
    return tokens;
  }
}
