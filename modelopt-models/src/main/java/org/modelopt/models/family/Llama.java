package org.modelopt.models.family;

import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.hf.HfConfig;

/** Llama 1 to 3: norms before the branches, biases by {@code attention_bias}, {@code mlp_bias}. */
final class Llama {
  private Llama() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    boolean attentionBias = config.flag("attention_bias", false);
    BlockSpec block =
        new BlockSpec(
            BlockNorms.BEFORE,
            common.attention(attentionBias, attentionBias),
            common.feedForward(config.flag("mlp_bias", false)));
    return common.decoder(common.norm(), false, layer -> block);
  }
}
