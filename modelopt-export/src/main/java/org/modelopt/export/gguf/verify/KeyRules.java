package org.modelopt.export.gguf.verify;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.modelopt.export.gguf.architecture.GgufArchitecture;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.container.ValueType;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/** Keys must be there, of their one exact type, and agree with each other. */
final class KeyRules {
  private static final Violation MISSING =
      new Violation(
          "missing key",
          "llama.cpp has no default for it and stops",
          "write the key from the field of config.json");
  private static final Violation TYPE =
      new Violation(
          "key of the wrong type",
          "llama.cpp converts nothing and stops",
          "write the key with the type that is expected");
  private static final Violation VALUE =
      new Violation(
          "key with a value that does not fit",
          "the model is refused, or computes something else",
          "write the value that follows from config.json");

  private static final List<String> REQUIRED =
      List.of(
          "context_length",
          "embedding_length",
          "block_count",
          "feed_forward_length",
          "attention.head_count");

  private static final List<String> COUNTS =
      List.of(
          "vocab_size",
          "attention.head_count_kv",
          "attention.key_length",
          "attention.value_length",
          "rope.dimension_count",
          "rope.scaling.original_context_length",
          "expert_count",
          "expert_used_count",
          "expert_feed_forward_length",
          "attention.sliding_window",
          "attention.sliding_window_pattern");

  private static final List<String> NUMBERS =
      List.of(
          "attention.layer_norm_rms_epsilon",
          "rope.freq_base",
          "rope.freq_base_swa",
          "rope.scaling.factor",
          "rope.scaling.attn_factor",
          "rope.scaling.yarn_beta_fast",
          "rope.scaling.yarn_beta_slow",
          "attn_logit_softcapping",
          "final_logit_softcapping");

  private final GgufFile file;
  private final GgufArchitecture architecture;
  private final String name;
  private final Findings findings;

  private KeyRules(GgufFile file, GgufArchitecture architecture, String name, Findings findings) {
    this.file = file;
    this.architecture = architecture;
    this.name = name;
    this.findings = findings;
  }

  static void check(GgufFile file, GgufArchitecture architecture, String name, Findings findings) {
    KeyRules rules = new KeyRules(file, architecture, name, findings);
    rules.checkTypes();
    rules.checkRequired();
    rules.checkValues();
  }

  private void checkTypes() {
    Map<String, ValueType> types = new LinkedHashMap<>();
    types.put("general.type", ValueType.STRING);
    types.put("general.name", ValueType.STRING);
    types.put("general.file_type", ValueType.U32);
    types.put("general.quantization_version", ValueType.U32);
    REQUIRED.forEach(key -> types.put(own(key), ValueType.U32));
    COUNTS.forEach(key -> types.put(own(key), ValueType.U32));
    NUMBERS.forEach(key -> types.put(own(key), ValueType.F32));
    types.put(own("rope.scaling.type"), ValueType.STRING);
    types.put(own("rope.scaling.finetuned"), ValueType.BOOL);
    types.forEach((key, type) -> {
      GgufValue value = file.metadata().get(key);
      // These three may be arrays with a number for each layer.
      boolean perLayer =
          value instanceof GgufValue.Items items
              && items.elementType() != ValueType.STRING
              && (key.contains("head_count") || key.contains("feed_forward_length"));
      if (value != null && value.type() != type && !perLayer) {
        findings.error(TYPE, place(key), type, value.type());
      }
    });
  }

  private void checkRequired() {
    REQUIRED.forEach(key -> require(own(key)));
    require(own("attention.layer_norm_rms_epsilon"));
    switch (architecture) {
      case QWEN3MOE -> {
        require(own("expert_count"));
        require(own("expert_used_count"));
      }
      case GPT_OSS -> {
        require(own("expert_count"));
        require(own("expert_used_count"));
        require(own("expert_feed_forward_length"));
        require(own("attention.sliding_window"));
        require(own("attention.key_length"));
      }
      case GEMMA2, GEMMA3 -> require(own("attention.key_length"));
      case LLAMA, QWEN2, QWEN3, PHI3 -> {}
    }
    if (file.tensors().stream().anyMatch(tensor -> tensor.type().isBlocked())) {
      require("general.quantization_version");
    }
  }

  private void checkValues() {
    expect("general.quantization_version", 2);
    if (file.alignment() < 32) {
      findings.error(VALUE, place("general.alignment"), "at least 32", file.alignment());
    }
    OptionalLong experts = file.findU32(own("expert_count"));
    OptionalLong used = file.findU32(own("expert_used_count"));
    if (experts.orElse(0) > 0 != used.orElse(0) > 0
        || used.orElse(0) > experts.orElse(Long.MAX_VALUE)) {
      findings.error(VALUE, place(own("expert_used_count")), "1 to the number of experts", used);
    }
    OptionalLong heads = file.findU32(own("attention.head_count"));
    OptionalLong keyHeads = file.findU32(own("attention.head_count_kv"));
    if (heads.isPresent()
        && keyHeads.isPresent()
        && (keyHeads.getAsLong() == 0 || heads.getAsLong() % keyHeads.getAsLong() != 0)) {
      findings.error(
          VALUE,
          place(own("attention.head_count_kv")),
          "a divisor of " + heads.getAsLong(),
          keyHeads.getAsLong());
    }
    if (architecture == GgufArchitecture.LLAMA) {
      TensorRules.headSize(file, architecture)
          .ifPresent(size -> expect(own("rope.dimension_count"), size));
    }
    file.findF32(own("rope.freq_base"))
        .ifPresent(base -> {
          if (!(base > 1)) {
            findings.error(VALUE, place(own("rope.freq_base")), "more than 1", base);
          }
        });
    file.findF32(own("attention.layer_norm_rms_epsilon"))
        .ifPresent(epsilon -> {
          if (!(epsilon > 0 && epsilon < 0.1)) {
            findings.error(
                VALUE, place(own("attention.layer_norm_rms_epsilon")), "0 to 0.1", epsilon);
          }
        });
    file.findText(own("rope.scaling.type"))
        .filter(kind -> !List.of("none", "linear", "yarn", "longrope").contains(kind))
        .ifPresent(kind ->
            findings.error(
                VALUE, place(own("rope.scaling.type")), "none, linear, yarn or longrope", kind));
  }

  private void expect(String key, long value) {
    OptionalLong found = file.findU32(key);
    if (found.isPresent() && found.getAsLong() != value) {
      findings.error(VALUE, place(key), value, found.getAsLong());
    }
  }

  private void require(String key) {
    if (!file.metadata().containsKey(key)) {
      findings.error(MISSING, place(key), "the key", "nothing");
    }
  }

  private String own(String key) {
    return architecture.id() + "." + key;
  }

  private Place place(String key) {
    return Place.file(name + " " + key);
  }
}
