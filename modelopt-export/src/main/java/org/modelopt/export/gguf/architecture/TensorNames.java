package org.modelopt.export.gguf.architecture;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of tensors in GGUF for those of a HuggingFace checkpoint. */
final class TensorNames {
  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)");
  private static final Pattern ATTENTION =
      Pattern.compile("self_attn\\.(q|k|v|o|qkv)_proj\\.(weight|bias)");
  private static final Pattern NORM = Pattern.compile("self_attn\\.([qk])_norm\\.weight");
  private static final Pattern DENSE =
      Pattern.compile("mlp\\.(gate|up|down|gate_up)_proj\\.(weight|bias)");
  private static final Pattern ROUTER =
      Pattern.compile("(?:mlp\\.gate|mlp\\.router|block_sparse_moe\\.gate)\\.(weight|bias)");

  private final GgufArchitecture architecture;

  TensorNames(GgufArchitecture architecture) {
    this.architecture = architecture;
  }

  /**
   * The name without what wraps the text part of a model of several parts; empty for tensors of
   * other parts and for those that readers compute themselves.
   */
  static Optional<String> inTextPart(String name) {
    if (name.contains("rotary_emb")) {
      return Optional.empty();
    }
    String plain =
        name.startsWith("model.language_model.")
            ? "model." + name.substring("model.language_model.".length())
            : name.startsWith("language_model.")
                ? name.substring("language_model.".length())
                : name;
    return plain.contains("vision_tower") || plain.contains("multi_modal_projector")
        ? Optional.empty()
        : Optional.of(plain);
  }

  /** The name of a tensor that stays one tensor; empty for experts and unknown tensors. */
  Optional<String> of(String name) {
    return switch (name) {
      case "model.embed_tokens.weight" -> Optional.of("token_embd.weight");
      case "model.norm.weight" -> Optional.of("output_norm.weight");
      case "lm_head.weight" -> Optional.of("output.weight");
      default -> {
        Matcher layer = LAYER.matcher(name);
        yield layer.matches()
            ? inLayer(layer.group(2)).map(rest -> "blk." + layer.group(1) + "." + rest)
            : Optional.empty();
      }
    };
  }

  private Optional<String> inLayer(String name) {
    boolean gemma = architecture.hasUnitOffsetNorms();
    return switch (name) {
      case "input_layernorm.weight" -> Optional.of("attn_norm.weight");
      case "post_attention_layernorm.weight" ->
          Optional.of(
              gemma || architecture == GgufArchitecture.GPT_OSS
                  ? "post_attention_norm.weight"
                  : "ffn_norm.weight");
      case "pre_feedforward_layernorm.weight" ->
          gemma ? Optional.of("ffn_norm.weight") : Optional.empty();
      case "post_feedforward_layernorm.weight" ->
          gemma ? Optional.of("post_ffw_norm.weight") : Optional.empty();
      case "self_attn.sinks" -> Optional.of("attn_sinks.weight");
      default -> matched(name);
    };
  }

  private static Optional<String> matched(String name) {
    Matcher attention = ATTENTION.matcher(name);
    if (attention.matches()) {
      String which = attention.group(1).equals("o") ? "output" : attention.group(1);
      return Optional.of("attn_" + which + "." + attention.group(2));
    }
    Matcher norm = NORM.matcher(name);
    if (norm.matches()) {
      return Optional.of("attn_" + norm.group(1) + "_norm.weight");
    }
    Matcher dense = DENSE.matcher(name);
    if (dense.matches()) {
      // A fused gate and up has no name of its own: it is an up of twice the width.
      String which = dense.group(1).equals("gate_up") ? "up" : dense.group(1);
      return Optional.of("ffn_" + which + "." + dense.group(2));
    }
    Matcher router = ROUTER.matcher(name);
    return router.matches() ? Optional.of("ffn_gate_inp." + router.group(1)) : Optional.empty();
  }
}
