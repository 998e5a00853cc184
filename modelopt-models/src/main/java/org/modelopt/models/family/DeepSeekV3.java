package org.modelopt.models.family;

import java.util.Optional;
import java.util.OptionalDouble;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.ExpertFeedForward;
import org.modelopt.models.decoder.LatentAttention;
import org.modelopt.models.decoder.RotaryScaling;
import org.modelopt.models.decoder.RotarySpec;
import org.modelopt.models.decoder.Routing;
import org.modelopt.models.hf.HfConfig;

/**
 * DeepSeek-V3: latent attention; the first layers dense, then experts chosen by sigmoids within
 * groups beside shared ones. Layers for predicting several tokens, stored behind the last one, are
 * not run.
 */
final class DeepSeekV3 {
  private DeepSeekV3() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    LatentAttention attention = attention(common);
    int dense = (int) config.findNumber("first_k_dense_replace").orElse(3);
    ExpertFeedForward experts = experts(common);
    return common.decoder(
        common.norm(),
        false,
        layer ->
            new BlockSpec(
                BlockNorms.BEFORE, attention, layer < dense ? common.feedForward(false) : experts));
  }

  private static LatentAttention attention(CommonFields common) {
    HfConfig config = common.config();
    int plain = config.count("qk_nope_head_dim");
    int rotated = config.count("qk_rope_head_dim");
    RotarySpec rotary =
        RotaryFields.read(config, rotated, 10_000)
            .withInterleaved(config.flag("rope_interleave", true));
    return new LatentAttention(
        common.heads(),
        config.findCount("q_lora_rank"),
        config.count("kv_lora_rank"),
        plain,
        rotated,
        config.count("v_head_dim"),
        scale(config, plain + rotated),
        config.flag("attention_bias", false),
        Optional.of(rotary));
  }

  /** {@code size^-0.5 m^2}, m the magnitude that YaRN gives for {@code mscale_all_dim}. */
  private static double scale(HfConfig config, int size) {
    Optional<HfConfig> scaling =
        config.section("rope_parameters").or(() -> config.section("rope_scaling"));
    OptionalDouble all =
        scaling.map(s -> s.findNumber("mscale_all_dim")).orElse(OptionalDouble.empty());
    OptionalDouble factor = scaling.map(s -> s.findNumber("factor")).orElse(OptionalDouble.empty());
    double m = 1;
    if (all.isPresent() && all.getAsDouble() != 0 && factor.isPresent()) {
      m = RotaryScaling.Yarn.magnitude(factor.getAsDouble(), all.getAsDouble());
    }
    return m * m / Math.sqrt(size);
  }

  private static ExpertFeedForward experts(CommonFields common) {
    HfConfig config = common.config();
    int experts = common.experts("n_routed_experts");
    int groups = config.findCount("n_group").orElse(1);
    int topGroups = config.findCount("topk_group").orElse(1);
    if (experts % groups != 0 || topGroups > groups) {
      throw config.unusable("n_group", "a divisor of n_routed_experts, not below topk_group");
    }
    int size = config.count("moe_intermediate_size");
    int shared = (int) config.findNumber("n_shared_experts").orElse(0);
    return new ExpertFeedForward(
        ExpertFeedForward.Names.MLP,
        experts,
        common.expertsPerToken(),
        size,
        common.activation("hidden_act", "silu"),
        false,
        new Routing.GroupedSigmoid(
            groups,
            topGroups,
            config.flag("norm_topk_prob", true),
            config.findNumber("routed_scaling_factor").orElse(1)),
        shared == 0
            ? Optional.empty()
            : Optional.of(
                new ExpertFeedForward.Shared("shared_experts", shared * size, Optional.empty())),
        Optional.empty());
  }
}
