package org.modelopt.export.gguf.architecture;

import java.util.LinkedHashMap;
import java.util.OptionalInt;
import java.util.SequencedMap;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.models.hf.HfConfig;

/** The metadata of an architecture: every key with the exact type that readers ask for. */
public final class ArchitectureKeys {
  private final ModelShape shape;
  private final HfConfig config;
  private final SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();

  private ArchitectureKeys(ModelShape shape) {
    this.shape = shape;
    this.config = shape.config();
  }

  /**
   * The keys that begin with the architecture's name.
   *
   * @throws CheckpointException if a field is missing, or says what GGUF has no word for
   */
  public static SequencedMap<String, GgufValue> of(ModelShape shape) {
    ArchitectureKeys keys = new ArchitectureKeys(shape);
    keys.sizes();
    keys.attention();
    keys.rotary();
    return keys.keys;
  }

  private void sizes() {
    u32("context_length", config.findCount("max_position_embeddings").orElse(131_072));
    u32("embedding_length", shape.hidden());
    u32("block_count", shape.layers());
    boolean onlyExperts = shape.experts() > 0 && shape.architecture() == GgufArchitecture.GPT_OSS;
    u32("feed_forward_length", onlyExperts ? shape.expertFeedForward() : shape.feedForward());
    u32("vocab_size", shape.vocabulary());
    if (shape.experts() > 0) {
      u32("expert_count", shape.experts());
      u32("expert_used_count", shape.expertsUsed());
      if (shape.architecture() != GgufArchitecture.LLAMA) {
        u32("expert_feed_forward_length", shape.expertFeedForward());
      }
    }
  }

  private void attention() {
    u32("attention.head_count", shape.heads());
    u32("attention.head_count_kv", shape.keyValueHeads());
    u32("attention.key_length", shape.headSize());
    u32("attention.value_length", shape.headSize());
    f32("attention.layer_norm_rms_epsilon", config.findNumber("rms_norm_eps").orElse(1e-6));
    switch (shape.architecture()) {
      case GEMMA2 -> {
        u32("attention.sliding_window", config.findCount("sliding_window").orElse(4096));
        f32("attn_logit_softcapping", config.findNumber("attn_logit_softcapping").orElse(50));
        f32("final_logit_softcapping", config.findNumber("final_logit_softcapping").orElse(30));
      }
      case GEMMA3 -> {
        u32("attention.sliding_window", config.findCount("sliding_window").orElse(4096));
        OptionalInt pattern = config.findCount("sliding_window_pattern");
        if (pattern.isEmpty()) {
          pattern = config.findCount("_sliding_window_pattern");
        }
        u32("attention.sliding_window_pattern", pattern.orElse(6));
        if (config.has("final_logit_softcapping")) {
          f32("final_logit_softcapping", config.number("final_logit_softcapping"));
        }
      }
      case GPT_OSS -> u32("attention.sliding_window", config.count("sliding_window"));
      // Windows of the others are left out on purpose: their graphs know none.
      case PHI3 -> u32("attention.sliding_window", config.findCount("sliding_window").orElse(0));
      case LLAMA, QWEN2, QWEN3, QWEN3MOE -> {}
    }
  }

  private void rotary() {
    f32("rope.freq_base", shape.rotaryBase());
    if (shape.architecture() == GgufArchitecture.GEMMA3) {
      shape.slidingRotaryBase().ifPresent(base -> f32("rope.freq_base_swa", base));
    }
    double partial = config.findNumber("partial_rotary_factor").orElse(1);
    HfConfig rotary = shape.rotary("full_attention");
    if (rotary != config) {
      partial = rotary.findNumber("partial_rotary_factor").orElse(partial);
    }
    u32("rope.dimension_count", (int) (shape.headSize() * partial));
    switch (shape.rotaryKind()) {
      case "default", "llama3" -> {}
      case "linear" -> {
        text("rope.scaling.type", "linear");
        f32("rope.scaling.factor", rotary.number("factor"));
      }
      case "yarn" -> {
        text("rope.scaling.type", "yarn");
        f32("rope.scaling.factor", rotary.number("factor"));
        u32("rope.scaling.original_context_length", originalContext(rotary));
        rotary.findNumber("beta_fast").ifPresent(beta -> f32("rope.scaling.yarn_beta_fast", beta));
        rotary.findNumber("beta_slow").ifPresent(beta -> f32("rope.scaling.yarn_beta_slow", beta));
      }
      case "longrope" -> {
        int original = originalContext(config.has(ORIGINAL) ? config : rotary);
        u32("rope.scaling.original_context_length", original);
        f32("rope.scaling.attn_factor", longRopeMagnitude(original));
      }
      default ->
          throw config.unusable(
              config.has("rope_parameters") ? "rope_parameters" : "rope_scaling",
              "of a kind that GGUF has: default, linear, yarn, longrope or llama3");
    }
  }

  private static final String ORIGINAL = "original_max_position_embeddings";

  private int originalContext(HfConfig section) {
    OptionalInt given = section.findCount(ORIGINAL);
    return given.isPresent() ? given.getAsInt() : config.count("max_position_embeddings");
  }

  /** {@code sqrt(1 + ln(ratio) / ln(original))} for contexts that were made longer. */
  private double longRopeMagnitude(int original) {
    double ratio = (double) config.count("max_position_embeddings") / original;
    return ratio <= 1 ? 1 : Math.sqrt(1 + Math.log(ratio) / Math.log(original));
  }

  private void u32(String key, long value) {
    keys.put(shape.architecture().id() + "." + key, GgufValue.u32(value));
  }

  private void f32(String key, double value) {
    keys.put(shape.architecture().id() + "." + key, GgufValue.f32(value));
  }

  private void text(String key, String value) {
    keys.put(shape.architecture().id() + "." + key, GgufValue.text(value));
  }
}
