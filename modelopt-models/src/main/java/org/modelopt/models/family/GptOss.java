package org.modelopt.models.family;

import java.util.Optional;
import org.modelopt.compute.Activation;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.ExpertFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.Routing;
import org.modelopt.models.decoder.StackedExperts;
import org.modelopt.models.hf.HfConfig;

/**
 * gpt-oss: sinks, biases everywhere, every other layer within a sliding window, experts with a
 * clamped SwiGLU stored stacked, gate and up interleaved.
 */
final class GptOss {
  private static final int HEAD_SIZE = 64;

  private GptOss() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config).withDefaultHeadSize(HEAD_SIZE);
    boolean bias = config.flag("attention_bias", true);
    GroupedAttention attention = common.attention(bias, bias, common.rotary(150_000)).withSinks();
    if (config.findNumber("swiglu_limit").orElse(Activation.SWIGLU_LIMIT)
        != Activation.SWIGLU_LIMIT) {
      throw config.unusable("swiglu_limit", String.valueOf(Activation.SWIGLU_LIMIT));
    }
    ExpertFeedForward experts =
        new ExpertFeedForward(
            ExpertFeedForward.Names.of("mlp", "router"),
            common.experts("num_local_experts", "num_experts"),
            common.expertsPerToken(),
            common.feedForward(),
            Activation.CLAMPED_SWIGLU,
            true,
            new Routing.SoftmaxOfChosen(),
            Optional.empty(),
            Optional.of(new StackedExperts(true, false)));
    return common.decoder(
        new NormSpec((float) common.epsilon(1e-5), false, true),
        false,
        layer ->
            new BlockSpec(
                BlockNorms.BEFORE, common.windowed(attention, layer, layer % 2 == 0), experts));
  }
}
