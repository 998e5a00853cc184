package org.modelopt.export.gguf.verify;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.container.ValueType;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/** The vocabulary must be whole, and fit the embedding. */
final class TokenizerRules {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final Violation MISSING =
      new Violation(
          "tokenizer without what it needs",
          "llama.cpp stops, or takes a default that cuts text differently",
          "write the key from tokenizer.json");
  private static final Violation TOKENS =
      new Violation(
          "broken list of tokens",
          "two tokens of one text abort the program; a wrong number shifts or cuts the vocabulary",
          "write one distinct text for each row of the embedding");
  private static final Violation VALUE =
      new Violation(
          "wrong value in the tokenizer",
          "text becomes other tokens than those the model was trained with",
          "write the value that follows from tokenizer.json");
  private static final Violation IDS_ONLY =
      new Violation(
          "no tokenizer",
          "the model takes token ids, not text",
          "nothing, if that was meant; else put tokenizer.json beside the checkpoint");

  private static final Set<String> PRE =
      Set.of(
          "default",
          "llama-bpe",
          "qwen2",
          "deepseek-r1-qwen",
          "gpt-4o",
          "tekken",
          "pixtral",
          "smollm",
          "gpt-2");

  private final GgufFile file;
  private final String name;
  private final Findings findings;

  private TokenizerRules(GgufFile file, String name, Findings findings) {
    this.file = file;
    this.name = name;
    this.findings = findings;
  }

  static void check(GgufFile file, String name, Findings findings) {
    new TokenizerRules(file, name, findings).check();
  }

  private void check() {
    Optional<String> model = file.findText(PREFIX + "model");
    if (model.isEmpty()) {
      findings.error(MISSING, place("model"), "llama, gpt2 or no_vocab", "no text");
      return;
    }
    switch (model.get()) {
      case "no_vocab", "none" ->
          findings.note(IDS_ONLY, place("model"), "a tokenizer", model.get());
      case "llama", "gpt2" -> checkTokens(model.get());
      default -> findings.error(VALUE, place("model"), "llama, gpt2 or no_vocab", model.get());
    }
  }

  private void checkTokens(String model) {
    Optional<List<String>> found = file.findTexts(PREFIX + "tokens");
    if (found.isEmpty()) {
      findings.error(MISSING, place("tokens"), "an array of texts", "none");
      return;
    }
    List<String> tokens = found.get();
    Map<String, Integer> first = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      Integer other = first.putIfAbsent(tokens.get(id), id);
      if (other != null) {
        findings.error(
            TOKENS, place("tokens"), "distinct texts", "tokens %d and %d".formatted(other, id));
        break;
      }
    }
    long rows = file.find("token_embd.weight").map(GgufTensor::rows).orElse(-1L);
    if (rows >= 0 && rows != tokens.size()) {
      findings.error(TOKENS, place("tokens"), rows + " tokens", tokens.size());
    }
    checkKinds(tokens.size());
    if (model.equals("gpt2")) {
      checkByteLevel(first.keySet());
    } else {
      checkArray("scores", ValueType.F32, tokens.size());
    }
    for (String special : List.of("bos", "eos", "unknown", "padding", "eot", "eom")) {
      OptionalLong id = file.findU32(PREFIX + special + "_token_id");
      if (id.isPresent() && id.getAsLong() >= tokens.size()) {
        findings.error(
            VALUE, place(special + "_token_id"), "less than " + tokens.size(), id.getAsLong());
      }
    }
    for (String flag : List.of("add_bos_token", "add_eos_token", "add_space_prefix")) {
      GgufValue value = file.metadata().get(PREFIX + flag);
      if (value != null && value.type() != ValueType.BOOL) {
        findings.error(VALUE, place(flag), "BOOL", value.type());
      }
    }
  }

  private void checkKinds(int count) {
    Optional<GgufValue.Items> kinds = checkArray("token_type", ValueType.I32, count);
    kinds.ifPresent(items -> {
      for (GgufValue value : items.values()) {
        long kind = value instanceof GgufValue.Figure figure ? figure.value().longValue() : 0;
        if (kind < 1 || kind > 6) {
          findings.error(VALUE, place("token_type"), "1 to 6", kind);
          return;
        }
      }
    });
  }

  private Optional<GgufValue.Items> checkArray(String key, ValueType element, int count) {
    GgufValue value = file.metadata().get(PREFIX + key);
    String expected = "%d of %s".formatted(count, element);
    if (!(value instanceof GgufValue.Items items)) {
      findings.error(MISSING, place(key), expected, value == null ? "nothing" : value.type());
      return Optional.empty();
    }
    if (items.elementType() != element || items.values().size() != count) {
      findings.error(
          VALUE,
          place(key),
          expected,
          "%d of %s".formatted(items.values().size(), items.elementType()));
      return Optional.empty();
    }
    return Optional.of(items);
  }

  private void checkByteLevel(Set<String> tokens) {
    Optional<List<String>> merges = file.findTexts(PREFIX + "merges");
    if (merges.isEmpty() || merges.get().isEmpty()) {
      findings.error(MISSING, place("merges"), "an array of texts", "none");
    } else {
      checkMerges(merges.get(), tokens);
    }
    String pre = file.findText(PREFIX + "pre").orElse("nothing");
    if (!PRE.contains(pre)) {
      findings.error(MISSING, place("pre"), "a known way of splitting text", pre);
    }
    for (String special : List.of("bos_token_id", "eos_token_id")) {
      if (file.findU32(PREFIX + special).isEmpty()) {
        // The default is token 11, whatever that is.
        findings.error(MISSING, place(special), "U32", "nothing, which means 11");
      }
    }
  }

  private void checkMerges(List<String> merges, Set<String> tokens) {
    Set<String> seen = new HashSet<>();
    for (String merge : merges) {
      int space = merge.indexOf(' ', 1);
      boolean known =
          space > 0
              && tokens.contains(merge.substring(0, space))
              && tokens.contains(merge.substring(space + 1))
              && tokens.contains(merge.substring(0, space) + merge.substring(space + 1));
      if (!known || !seen.add(merge)) {
        findings.error(
            VALUE, place("merges"), "two tokens that make a third, once", "\"" + merge + "\"");
        return;
      }
    }
  }

  private Place place(String key) {
    return Place.file(name + " " + PREFIX + key);
  }
}
