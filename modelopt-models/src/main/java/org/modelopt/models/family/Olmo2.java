package org.modelopt.models.family;

import java.util.Optional;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.GroupedAttention.HeadNorm;
import org.modelopt.models.hf.HfConfig;

/** OLMo 2: norms after the branches only; queries and keys normalised over all heads together. */
final class Olmo2 {
  private static final BlockNorms NORMS =
      new BlockNorms(
          Optional.empty(),
          Optional.of("post_attention_layernorm"),
          Optional.empty(),
          Optional.of("post_feedforward_layernorm"));

  private Olmo2() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    boolean bias = config.flag("attention_bias", false);
    GroupedAttention attention = common.attention(bias, bias).withHeadNorm(HeadNorm.ALL_HEADS);
    BlockSpec block = new BlockSpec(NORMS, attention, common.feedForward(false));
    return common.decoder(
        new NormSpec((float) common.epsilon(1e-5), false, true), false, layer -> block);
  }
}
