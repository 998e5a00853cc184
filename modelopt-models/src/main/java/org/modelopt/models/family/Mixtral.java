package org.modelopt.models.family;

import java.util.Optional;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.ExpertFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.Routing;
import org.modelopt.models.hf.HfConfig;

/** Mixtral: Mistral with experts, their projections called w1, w3 and w2. */
final class Mixtral {
  private static final ExpertFeedForward.Names NAMES =
      new ExpertFeedForward.Names("block_sparse_moe", "gate", "w1", "w3", "w2");

  private Mixtral() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    GroupedAttention attention = common.attention(false, false, common.rotary(1e6));
    ExpertFeedForward experts =
        new ExpertFeedForward(
            NAMES,
            common.experts("num_local_experts"),
            common.expertsPerToken(),
            common.feedForward(),
            common.activation("hidden_act", "silu"),
            false,
            new Routing.Softmax(true),
            Optional.empty(),
            Optional.empty());
    return common.decoder(
        NormSpec.rms(common.epsilon(1e-5)),
        false,
        layer ->
            new BlockSpec(BlockNorms.BEFORE, common.windowed(attention, layer, true), experts));
  }
}
