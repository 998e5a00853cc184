package org.modelopt.export.gguf.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.modelopt.error.CheckpointException;
import tools.jackson.databind.JsonNode;

/**
 * llama.cpp's name for the way a byte-level BPE tokenizer splits text, by the pattern in
 * tokenizer.json. A pattern is either one of those that it has, character for character, or an
 * error: a similar one would cut some texts differently without a word.
 */
final class PreTokenizer {
  private static final String REST =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String REST_WITH_SLASH =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String WORD = "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LEAD = "[^\\r\\n\\p{L}\\p{N}]?";

  private static final Map<String, String> NAMES =
      Map.of(
          CONTRACTIONS + WORD + "|\\p{N}{1,3}" + REST,
          "llama-bpe",
          CONTRACTIONS + WORD + "|\\p{N}" + REST,
          "qwen2",
          LEAD
              + UPPER
              + "*"
              + LOWER
              + "+"
              + CONTRACTIONS
              + "?|"
              + LEAD
              + UPPER
              + "+"
              + LOWER
              + "*"
              + CONTRACTIONS
              + "?|\\p{N}{1,3}"
              + REST_WITH_SLASH,
          "gpt-4o",
          LEAD
              + UPPER
              + "*"
              + LOWER
              + "+|"
              + LEAD
              + UPPER
              + "+"
              + LOWER
              + "*|\\p{N}"
              + REST_WITH_SLASH,
          "tekken");

  private PreTokenizer() {}

  /** Steps of the pre-tokenizer, flattened. */
  static List<JsonNode> steps(JsonNode tokenizer) {
    List<JsonNode> steps = new ArrayList<>();
    JsonNode root = tokenizer.path("pre_tokenizer");
    if (root.path("type").asString("").equals("Sequence")) {
      root.path("pretokenizers").forEach(steps::add);
    } else if (root.isObject()) {
      steps.add(root);
    }
    return steps;
  }

  /**
   * The name.
   *
   * @throws CheckpointException if llama.cpp has no name for this way of splitting
   */
  static String name(JsonNode tokenizer, Path file) {
    List<String> patterns = new ArrayList<>();
    boolean digits = false;
    boolean byteLevelPattern = false;
    for (JsonNode step : steps(tokenizer)) {
      switch (step.path("type").asString("")) {
        case "Split" -> patterns.add(step.path("pattern").path("Regex").asString("a plain text"));
        case "Digits" -> digits |= step.path("individual_digits").asBoolean(false);
        case "ByteLevel" -> byteLevelPattern |= step.path("use_regex").asBoolean(true);
        default -> patterns.add("a step of type " + step.path("type"));
      }
    }
    if (patterns.isEmpty() && byteLevelPattern) {
      return digits ? "smollm" : "gpt-2";
    }
    String name = patterns.size() == 1 && !digits ? NAMES.get(patterns.getFirst()) : null;
    if (name == null) {
      throw new CheckpointException(
          "%s: llama.cpp has no name that is known here for text split by %s; known are those of %s,"
                  .formatted(file, patterns, "GPT-2, SmolLM, Llama 3, Qwen 2 and 3, o200k")
              + " and Tekken");
    }
    return name;
  }
}
