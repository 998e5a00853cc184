package org.modelopt.models.family;

import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.hf.HfConfig;

/** Mistral: Llama without biases, all layers within {@code sliding_window} if there is one. */
final class Mistral {
  private Mistral() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    GroupedAttention attention = common.attention(false, false);
    return common.decoder(
        common.norm(),
        false,
        layer ->
            new BlockSpec(
                BlockNorms.BEFORE,
                common.windowed(attention, layer, true),
                common.feedForward(false)));
  }
}
