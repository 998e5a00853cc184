package org.modelopt.models.family;

import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.hf.HfConfig;

/** Granite: Llama with factors of embeddings, scores, branches and logits. */
final class Granite {
  private Granite() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    boolean bias = config.flag("attention_bias", false);
    GroupedAttention plain = common.attention(bias, bias);
    double scale = config.findNumber("attention_multiplier").orElse(1);
    BlockSpec block =
        new BlockSpec(
            BlockNorms.BEFORE,
            plain.with(plain.spec().withScale(scale)),
            common.feedForward(config.flag("mlp_bias", false)),
            config.findNumber("residual_multiplier").orElse(1));
    double divisor = config.findNumber("logits_scaling").orElse(1);
    if (divisor == 0) {
      throw config.unusable("logits_scaling", "a number other than 0");
    }
    return common
        .decoder(common.norm(), false, layer -> block)
        .with(
            new DecoderSpec.Ends(
                config.findNumber("embedding_multiplier").orElse(1), false, 1 / divisor, 0));
  }
}
