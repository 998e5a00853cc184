package org.modelopt.export.gguf.tokenizer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.models.hf.HfConfig;
import tools.jackson.databind.JsonNode;

/** Makes the metadata of the tokenizer of a checkpoint directory. */
public final class TokenizerKeys {
  private static final String PREFIX = "tokenizer.ggml.";

  /** Names in GGUF, and in tokenizer_config.json; one is misspelt on purpose. */
  private static final List<Map.Entry<String, String>> SPECIAL =
      List.of(
          Map.entry("bos", "bos"),
          Map.entry("eos", "eos"),
          Map.entry("unknown", "unk"),
          Map.entry("padding", "pad"),
          Map.entry("seperator", "sep"),
          Map.entry("mask", "mask"));

  private final Path directory;
  private final Path file;
  private final JsonNode tokenizer;
  private final Optional<HfConfig> settings;
  private final Vocabulary vocabulary;
  private final SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();

  private TokenizerKeys(Path directory, Path file) {
    this.directory = directory;
    this.file = file;
    this.tokenizer = HfConfig.read(file).json();
    Path settingsFile = directory.resolve("tokenizer_config.json");
    this.settings =
        Files.exists(settingsFile) ? Optional.of(HfConfig.read(settingsFile)) : Optional.empty();
    this.vocabulary = Vocabulary.of(tokenizer, file);
  }

  /**
   * The keys, in a fixed order. A directory without a tokenizer.json gives a file that knows token
   * ids only.
   *
   * @param config the fields of config.json, for special tokens that the tokenizer does not name
   * @param rows rows of the embedding
   * @throws CheckpointException if the tokenizer is of a kind that llama.cpp does not have
   */
  public static SequencedMap<String, GgufValue> of(Path directory, HfConfig config, int rows) {
    Path file = directory.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      SequencedMap<String, GgufValue> none = new LinkedHashMap<>();
      none.put(PREFIX + "model", GgufValue.text("no_vocab"));
      return none;
    }
    TokenizerKeys made = new TokenizerKeys(directory, file);
    made.model(rows);
    made.specialTokens(config);
    made.chatTemplates();
    return made.keys;
  }

  private void model(int rows) {
    String type = tokenizer.path("model").path("type").asString("BPE");
    if (!type.equals("BPE")) {
      throw new CheckpointException(
          "%s: a tokenizer of type %s has no GGUF form here; BPE has".formatted(file, type));
    }
    boolean byteLevel =
        PreTokenizer.steps(tokenizer).stream()
            .anyMatch(step -> step.path("type").asString("").equals("ByteLevel"));
    if (byteLevel) {
      text("model", "gpt2");
      text("pre", PreTokenizer.name(tokenizer, file));
    } else if (tokenizer.path("model").path("byte_fallback").asBoolean(false)) {
      text("model", "llama");
      text("pre", "default");
      sentencePieceScores();
    } else {
      throw new CheckpointException(
          file + ": BPE that is neither byte-level nor falls back to bytes has no GGUF form");
    }
    vocabulary.complete(file, rows);
    keys.put(PREFIX + "tokens", GgufValue.texts(vocabulary.texts()));
    if (!byteLevel) {
      keys.put(PREFIX + "scores", GgufValue.f32s(vocabulary.scores()));
    }
    keys.put(PREFIX + "token_type", GgufValue.i32s(vocabulary.kinds()));
    if (byteLevel) {
      keys.put(PREFIX + "merges", GgufValue.texts(merges()));
    } else {
      keys.put(PREFIX + "add_space_prefix", GgufValue.flag(prependsSpace()));
    }
  }

  /** From the model that the tokenizer was made of; without it, merges go by id, as in that. */
  private void sentencePieceScores() {
    Path model = directory.resolve("tokenizer.model");
    if (!Files.exists(model)) {
      return;
    }
    List<SentencePieceModel.Piece> pieces = SentencePieceModel.read(model);
    List<String> texts = vocabulary.texts();
    for (int id = 0; id < Math.min(pieces.size(), texts.size()); id++) {
      SentencePieceModel.Piece piece = pieces.get(id);
      if (piece.text().equals(texts.get(id))) {
        vocabulary.refine(id, piece.kind(), piece.score());
      }
    }
  }

  private boolean prependsSpace() {
    JsonNode normalizer = tokenizer.path("normalizer");
    Stream<JsonNode> normalizers =
        Stream.concat(Stream.of(normalizer), normalizer.path("normalizers").valueStream());
    boolean prepends =
        normalizers.anyMatch(step -> step.path("type").asString("").equals("Prepend"));
    return prepends
        || PreTokenizer.steps(tokenizer).stream()
            .filter(step -> step.path("type").asString("").equals("Metaspace"))
            .anyMatch(step -> !step.path("prepend_scheme").asString("always").equals("never"));
  }

  /** Pairs of texts; a space within a part is written as the letter that stands for it. */
  private List<String> merges() {
    List<String> merges = new ArrayList<>();
    for (JsonNode merge : tokenizer.path("model").path("merges")) {
      if (merge.isString()) {
        merges.add(merge.stringValue());
      } else {
        merges.add(part(merge.path(0)) + " " + part(merge.path(1)));
      }
    }
    if (merges.isEmpty()) {
      throw new CheckpointException(file + ": a BPE tokenizer without merges");
    }
    return merges;
  }

  private static String part(JsonNode part) {
    return part.asString("").replace(' ', '\u0120');
  }

  private void specialTokens(HfConfig config) {
    SPECIAL.forEach(names -> {
      OptionalInt id = specialText(names.getValue() + "_token");
      if (id.isEmpty()) {
        id = config.findTokenId(names.getValue() + "_token_id");
      }
      if (id.isPresent() && id.getAsInt() < vocabulary.size()) {
        keys.put(PREFIX + names.getKey() + "_token_id", GgufValue.u32(id.getAsInt()));
      }
    });
    addedToken("bos", true);
    addedToken("eos", false);
  }

  private OptionalInt specialText(String field) {
    JsonNode token = settings.map(s -> (JsonNode) s.json()).orElse(tokenizer).path(field);
    String text = token.isObject() ? token.path("content").asString("") : token.asString("");
    return text.isEmpty() ? OptionalInt.empty() : vocabulary.id(text);
  }

  /** Whether the tokenizer puts a token before (or after) every text. */
  private void addedToken(String name, boolean first) {
    String key = PREFIX + "add_" + name + "_token";
    String field = "add_" + name + "_token";
    if (settings.isPresent() && settings.get().has(field)) {
      keys.put(key, GgufValue.flag(settings.get().flag(field, false)));
      return;
    }
    JsonNode processor = tokenizer.path("post_processor");
    List<JsonNode> processors = new ArrayList<>();
    processors.add(processor);
    processor.path("processors").forEach(processors::add);
    for (JsonNode step : processors) {
      JsonNode single = step.path("single");
      if (step.path("type").asString("").equals("TemplateProcessing") && !single.isEmpty()) {
        JsonNode edge = single.get(first ? 0 : single.size() - 1);
        OptionalInt added = vocabulary.id(edge.path("SpecialToken").path("id").asString(""));
        Optional<GgufValue> own = Optional.ofNullable(keys.get(PREFIX + name + "_token_id"));
        boolean adds =
            added.isPresent() && own.equals(Optional.of(GgufValue.u32(added.getAsInt())));
        keys.put(key, GgufValue.flag(adds));
        return;
      }
    }
    keys.put(key, GgufValue.flag(false));
  }

  private void chatTemplates() {
    Path jinja = directory.resolve("chat_template.jinja");
    JsonNode template =
        settings.map(s -> (JsonNode) s.json()).orElse(tokenizer).path("chat_template");
    if (Files.exists(jinja)) {
      keys.put("tokenizer.chat_template", GgufValue.text(TextFiles.read(jinja)));
    } else if (template.isString()) {
      keys.put("tokenizer.chat_template", GgufValue.text(template.stringValue()));
    }
    if (!template.isArray()) {
      return;
    }
    List<String> names = new ArrayList<>();
    for (JsonNode entry : template) {
      String name = entry.path("name").asString("");
      GgufValue value = GgufValue.text(entry.path("template").asString(""));
      if (name.equals("default")) {
        keys.putIfAbsent("tokenizer.chat_template", value);
      } else if (!name.isEmpty()) {
        names.add(name);
        keys.put("tokenizer.chat_template." + name, value);
      }
    }
    if (!names.isEmpty()) {
      keys.put("tokenizer.chat_templates", GgufValue.texts(names));
    }
  }

  private void text(String key, String value) {
    keys.put(PREFIX + key, GgufValue.text(value));
  }
}
