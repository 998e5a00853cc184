package org.modelopt.models.family;

import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GatedFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.hf.HfConfig;

/** Phi-3 and 4: one linear for q, k and v, one for gate and up. */
final class Phi3 {
  private Phi3() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    GroupedAttention attention = common.attention(false, false).withFusedProjections();
    GatedFeedForward feedForward =
        new GatedFeedForward(
            "mlp", common.feedForward(), common.activation("hidden_act", "silu"), false, true);
    return common.decoder(
        NormSpec.rms(common.epsilon(1e-5)),
        false,
        layer ->
            new BlockSpec(BlockNorms.BEFORE, common.windowed(attention, layer, true), feedForward));
  }
}
