package org.modelopt.models.family;

import java.util.Optional;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GatedFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.RotarySpec;
import org.modelopt.models.hf.HfConfig;

/** GLM-4: norms around both branches, neighbours rotated, one linear for gate and up. */
final class Glm4 {
  private static final BlockNorms NORMS =
      new BlockNorms(
          Optional.of("input_layernorm"),
          Optional.of("post_self_attn_layernorm"),
          Optional.of("post_attention_layernorm"),
          Optional.of("post_mlp_layernorm"));

  private Glm4() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    RotarySpec rotary = common.rotary(10_000).withInterleaved(true);
    GroupedAttention attention =
        common.attention(config.flag("attention_bias", false), false, rotary);
    GatedFeedForward feedForward =
        new GatedFeedForward(
            "mlp", common.feedForward(), common.activation("hidden_act", "silu"), false, true);
    BlockSpec block = new BlockSpec(NORMS, attention, feedForward);
    return common.decoder(common.norm(), false, layer -> block);
  }
}
