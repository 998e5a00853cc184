package org.modelopt.models.family;

import java.util.List;
import java.util.Optional;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.ExpertFeedForward;
import org.modelopt.models.decoder.FeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.GroupedAttention.HeadNorm;
import org.modelopt.models.decoder.Routing;
import org.modelopt.models.hf.HfConfig;

/**
 * Qwen2 has biases on q, k and v; Qwen3 has none and normalises heads. Either may be a mixture of
 * experts, Qwen2's with a gated expert for all tokens.
 */
final class Qwen {
  private static final int QWEN3_HEAD_SIZE = 128;

  private Qwen() {}

  static DecoderSpec read2(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    return decoder(common, common.attention(true, false), layer -> common.feedForward(false));
  }

  static DecoderSpec read3(HfConfig config) {
    CommonFields common = CommonFields.read(config).withDefaultHeadSize(QWEN3_HEAD_SIZE);
    return decoder(common, normalized(common), layer -> common.feedForward(false));
  }

  static DecoderSpec read2Experts(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    Optional<ExpertFeedForward.Shared> shared =
        Optional.of(
            new ExpertFeedForward.Shared(
                "shared_expert",
                config.count("shared_expert_intermediate_size"),
                Optional.of("shared_expert_gate")));
    return decoder(
        common,
        common.attention(config.flag("qkv_bias", true), false),
        layer -> mixture(common, layer, false, shared));
  }

  static DecoderSpec read3Experts(HfConfig config) {
    CommonFields common = CommonFields.read(config).withDefaultHeadSize(QWEN3_HEAD_SIZE);
    return decoder(
        common, normalized(common), layer -> mixture(common, layer, false, Optional.empty()));
  }

  private static GroupedAttention normalized(CommonFields common) {
    boolean bias = common.config().flag("attention_bias", false);
    return common.attention(bias, bias).withHeadNorm(HeadNorm.EACH_HEAD);
  }

  private interface FeedForwards {
    FeedForward of(int layer);
  }

  private static DecoderSpec decoder(
      CommonFields common, GroupedAttention attention, FeedForwards feedForwards) {
    boolean sliding = common.config().flag("use_sliding_window", false);
    int first =
        common.config().findNumber("max_window_layers").isPresent()
            ? (int) common.config().number("max_window_layers")
            : 0;
    return common.decoder(
        common.norm(),
        false,
        layer ->
            new BlockSpec(
                BlockNorms.BEFORE,
                sliding ? common.windowed(attention, layer, layer >= first) : attention,
                feedForwards.of(layer)));
  }

  private static FeedForward mixture(
      CommonFields common,
      int layer,
      boolean normalizedByDefault,
      Optional<ExpertFeedForward.Shared> shared) {
    HfConfig config = common.config();
    List<Double> dense = config.findNumbers("mlp_only_layers").orElse(List.of());
    int step = config.findCount("decoder_sparse_step").orElse(1);
    if (dense.contains((double) layer) || (layer + 1) % step != 0) {
      return common.feedForward(false);
    }
    return new ExpertFeedForward(
        ExpertFeedForward.Names.MLP,
        common.experts("num_experts", "num_local_experts"),
        common.expertsPerToken(),
        config.count("moe_intermediate_size"),
        common.activation("hidden_act", "silu"),
        false,
        new Routing.Softmax(config.flag("norm_topk_prob", normalizedByDefault)),
        shared,
        Optional.empty());
  }
}
