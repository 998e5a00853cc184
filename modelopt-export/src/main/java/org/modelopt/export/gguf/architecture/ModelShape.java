package org.modelopt.export.gguf.architecture;

import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.modelopt.models.hf.HfConfig;

/**
 * Sizes of a model.
 *
 * @param config the fields of its text part
 * @param architecture what it becomes
 * @param layers decoder layers
 * @param hidden channels of the residual stream
 * @param heads query heads
 * @param keyValueHeads key and value heads
 * @param headSize elements of a head
 * @param feedForward width of the dense feed-forward
 * @param experts experts of a layer, 0 for none
 * @param expertsUsed experts that a token goes to
 * @param expertFeedForward width of an expert
 */
public record ModelShape(
    HfConfig config,
    GgufArchitecture architecture,
    int layers,
    int hidden,
    int heads,
    int keyValueHeads,
    int headSize,
    int feedForward,
    int experts,
    int expertsUsed,
    int expertFeedForward) {
  /** Reads config.json; of models with several parts, that of the text. */
  public static ModelShape read(HfConfig whole) {
    GgufArchitecture architecture = GgufArchitecture.of(whole);
    HfConfig config = whole.section("text_config").orElse(whole);
    int hidden = config.count("hidden_size");
    // Gemma 3's text section leaves out what is the default of its class.
    boolean gemma = architecture == GgufArchitecture.GEMMA3;
    int heads =
        gemma
            ? config.findCount("num_attention_heads").orElse(8)
            : config.count("num_attention_heads");
    OptionalInt headSize = config.findCount("head_dim");
    if (headSize.isEmpty() && !gemma && hidden % heads != 0) {
      throw config.unusable("hidden_size", "a multiple of num_attention_heads = " + heads);
    }
    int feedForward = config.count("intermediate_size");
    OptionalInt local = config.findCount("num_local_experts");
    int experts = (local.isPresent() ? local : config.findCount("num_experts")).orElse(0);
    return new ModelShape(
        config,
        architecture,
        config.count("num_hidden_layers"),
        hidden,
        heads,
        config.findCount("num_key_value_heads").orElse(gemma ? 4 : heads),
        headSize.orElse(gemma ? 256 : hidden / heads),
        feedForward,
        experts,
        experts == 0 ? 0 : config.count("num_experts_per_tok"),
        config.findCount("moe_intermediate_size").orElse(feedForward));
  }

  /** Base of the rotary frequencies of layers that see the whole text. */
  double rotaryBase() {
    OptionalDouble base = rotary("full_attention").findNumber("rope_theta");
    if (base.isEmpty()) {
      base = config.findNumber("rope_theta");
    }
    return base.orElse(architecture == GgufArchitecture.GEMMA3 ? 1_000_000 : 10_000);
  }

  /** Base of the rotary frequencies of layers with a window, where it is another one. */
  OptionalDouble slidingRotaryBase() {
    OptionalDouble base =
        config
            .section("rope_parameters")
            .flatMap(s -> s.section("sliding_attention"))
            .map(s -> s.findNumber("rope_theta"))
            .orElse(OptionalDouble.empty());
    return base.isPresent() ? base : config.findNumber("rope_local_base_freq");
  }

  /** Where scaling of the rotary embedding is described; this config itself if nowhere. */
  HfConfig rotary(String layerType) {
    return config
        .section("rope_parameters")
        .map(s -> s.section(layerType).orElse(s))
        .or(() -> config.section("rope_scaling"))
        .orElse(config);
  }

  /** Kind of rotary scaling, {@code default} for none. */
  String rotaryKind() {
    HfConfig rotary = rotary("full_attention");
    if (rotary == config) {
      return "default";
    }
    String kind = rotary.findText("rope_type").or(() -> rotary.findText("type")).orElse("default");
    return kind.equals("su") || (kind.equals("yarn") && rotary.has("short_factor"))
        ? "longrope"
        : kind;
  }

  /** Rows of the embedding. */
  int vocabulary() {
    return config.findCount("vocab_size").orElse(262_208);
  }
}
