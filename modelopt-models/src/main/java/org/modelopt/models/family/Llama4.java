package org.modelopt.models.family;

import java.util.Optional;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.ExpertFeedForward;
import org.modelopt.models.decoder.FeedForward;
import org.modelopt.models.decoder.GatedFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.GroupedAttention.HeadNorm;
import org.modelopt.models.decoder.Routing;
import org.modelopt.models.decoder.StackedExperts;
import org.modelopt.models.hf.HfConfig;

/**
 * The text model of Llama 4: layers that rotate neighbours and see chunks alternate with layers
 * without positions that see everything; experts, stored stacked, beside one for all tokens.
 */
final class Llama4 {
  private static final int CHUNK = 8192;
  private static final String MODULE = "feed_forward";

  private Llama4() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    return common.decoder(
        NormSpec.rms(common.epsilon(1e-5)),
        false,
        layer ->
            new BlockSpec(BlockNorms.BEFORE, attention(common, layer), feedForward(common, layer)));
  }

  private static GroupedAttention attention(CommonFields common, int layer) {
    HfConfig config = common.config();
    boolean bias = config.flag("attention_bias", false);
    GroupedAttention attention =
        common.attention(bias, bias, common.rotary(500_000).withInterleaved(true));
    boolean rotated = SmolLm3.isRotated(config, layer);
    if (common.isOfType(layer, "chunked_attention", rotated)) {
      int chunk = config.findCount("attention_chunk_size").orElse(CHUNK);
      attention = attention.with(attention.spec().withChunk(chunk));
    }
    if (rotated) {
      return config.flag("use_qk_norm", true)
          ? attention.withHeadNorm(HeadNorm.UNWEIGHTED_AFTER_ROTATION)
          : attention;
    }
    attention = attention.withRotary(Optional.empty());
    return config.flag("attn_temperature_tuning", true)
        ? attention.withTemperature(
            new GroupedAttention.Temperature(
                config.findNumber("floor_scale").orElse(CHUNK),
                config.findNumber("attn_scale").orElse(0.1)))
        : attention;
  }

  private static FeedForward feedForward(CommonFields common, int layer) {
    HfConfig config = common.config();
    int step = config.findCount("interleave_moe_layer_step").orElse(1);
    boolean sparse =
        config
            .findNumbers("moe_layers")
            .map(layers -> layers.contains((double) layer))
            .orElse((layer + 1) % step == 0);
    if (!sparse) {
      return new GatedFeedForward(
          MODULE,
          config.count("intermediate_size_mlp"),
          common.activation("hidden_act", "silu"),
          false,
          false);
    }
    return new ExpertFeedForward(
        ExpertFeedForward.Names.of(MODULE, "router"),
        common.experts("num_local_experts"),
        common.expertsPerToken(),
        common.feedForward(),
        common.activation("hidden_act", "silu"),
        false,
        new Routing.SigmoidOfInput(),
        Optional.of(
            new ExpertFeedForward.Shared("shared_expert", common.feedForward(), Optional.empty())),
        Optional.of(new StackedExperts(false, true)));
  }
}
