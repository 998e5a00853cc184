package org.modelopt.models.family;

import java.util.List;
import java.util.Optional;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.hf.HfConfig;

/** SmolLM3: Llama whose every fourth layer has no rotary embedding. */
final class SmolLm3 {
  private static final int INTERVAL = 4;

  private SmolLm3() {}

  static DecoderSpec read(HfConfig config) {
    CommonFields common = CommonFields.read(config);
    boolean bias = config.flag("attention_bias", false);
    GroupedAttention rotated = common.attention(bias, bias, common.rotary(2e6));
    return common.decoder(
        common.norm(),
        true,
        layer ->
            new BlockSpec(
                BlockNorms.BEFORE,
                common.windowed(
                    isRotated(config, layer) ? rotated : rotated.withRotary(Optional.empty()),
                    layer,
                    false),
                common.feedForward(config.flag("mlp_bias", false))));
  }

  /** {@code no_rope_layers}, in which 1 means rotated; else all but every interval's last layer. */
  static boolean isRotated(HfConfig config, int layer) {
    Optional<List<Double>> flags = config.findNumbers("no_rope_layers");
    if (flags.isPresent() && layer < flags.get().size()) {
      return flags.get().get(layer) != 0;
    }
    return (layer + 1) % config.findCount("no_rope_layer_interval").orElse(INTERVAL) != 0;
  }
}
