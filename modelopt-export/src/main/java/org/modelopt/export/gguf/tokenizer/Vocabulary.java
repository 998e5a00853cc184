package org.modelopt.export.gguf.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.CheckpointException;
import tools.jackson.databind.JsonNode;

/** Tokens by id: their texts, kinds and scores. */
final class Vocabulary {
  private static final float ADDED_SCORE = -1000;
  private static final float FILLER_SCORE = -10_000;

  private final List<@Nullable String> texts = new ArrayList<>();
  private final List<TokenKind> kinds = new ArrayList<>();
  private final List<Float> scores = new ArrayList<>();

  /** The vocabulary and the added tokens of a tokenizer.json. */
  static Vocabulary of(JsonNode tokenizer, Path file) {
    Vocabulary result = new Vocabulary();
    String unknown = tokenizer.path("model").path("unk_token").asString("");
    tokenizer
        .path("model")
        .path("vocab")
        .properties()
        .forEach(entry -> {
          String text = entry.getKey();
          int id = entry.getValue().asInt(-1);
          TokenKind kind =
              text.equals(unknown)
                  ? TokenKind.UNKNOWN
                  : text.matches("<0x[0-9A-F]{2}>") ? TokenKind.BYTE : TokenKind.NORMAL;
          result.put(file, id, text, kind, kind == TokenKind.NORMAL ? -id : 0);
        });
    for (JsonNode added : tokenizer.path("added_tokens")) {
      String text = added.path("content").asString("");
      boolean special = added.path("special").asBoolean(false);
      boolean control = special || (text.startsWith("<|") && text.endsWith("|>"));
      result.put(
          file,
          added.path("id").asInt(-1),
          text.replace('\u2581', ' '),
          text.equals(unknown)
              ? TokenKind.UNKNOWN
              : control ? TokenKind.CONTROL : TokenKind.USER_DEFINED,
          ADDED_SCORE);
    }
    return result;
  }

  void put(Path file, int id, String text, TokenKind kind, float score) {
    if (id < 0 || id > 1 << 24) {
      throw new CheckpointException("%s: token \"%s\" has id %d".formatted(file, text, id));
    }
    while (texts.size() <= id) {
      texts.add(null);
      kinds.add(TokenKind.UNUSED);
      scores.add(FILLER_SCORE);
    }
    texts.set(id, text);
    kinds.set(id, kind);
    scores.set(id, score);
  }

  /** Kind and score of an id, where they are known better. */
  void refine(int id, TokenKind kind, float score) {
    kinds.set(id, kind);
    scores.set(id, score);
  }

  /**
   * Fills gaps, and the ids up to {@code size}, with texts that no other token has.
   *
   * @throws CheckpointException if two tokens have one text, or there are more than {@code size}
   */
  void complete(Path file, int size) {
    Map<String, Integer> seen = new HashMap<>();
    if (texts.size() > size) {
      throw new CheckpointException(
          "%s has %d tokens but the embedding has %d rows".formatted(file, texts.size(), size));
    }
    for (int id = 0; id < size; id++) {
      if (id == texts.size() || texts.get(id) == null) {
        put(file, id, "[PAD" + id + "]", TokenKind.UNUSED, FILLER_SCORE);
      }
      Integer other = seen.put(String.valueOf(texts.get(id)), id);
      if (other != null) {
        throw new CheckpointException(
            "%s: tokens %d and %d have the same text \"%s\", which llama.cpp does not load"
                .formatted(file, other, id, texts.get(id)));
      }
    }
  }

  /** The id of a token, if there is one with that text. */
  OptionalInt id(String text) {
    int id = texts.indexOf(text);
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  int size() {
    return texts.size();
  }

  List<String> texts() {
    return texts.stream().map(String::valueOf).toList();
  }

  List<Integer> kinds() {
    return kinds.stream().map(TokenKind::id).toList();
  }

  List<Float> scores() {
    return List.copyOf(scores);
  }
}
