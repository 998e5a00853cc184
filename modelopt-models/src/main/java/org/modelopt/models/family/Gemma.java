package org.modelopt.models.family;

import java.util.Optional;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockNorms;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GatedFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.GroupedAttention.HeadNorm;
import org.modelopt.models.decoder.RotaryScaling;
import org.modelopt.models.decoder.RotarySpec;
import org.modelopt.models.hf.HfConfig;

/**
 * Gemma 2 and 3: norms around both branches that multiply by one plus their weight, scaled
 * embeddings, layers with and without a sliding window. Gemma 2 caps scores and logits; Gemma 3
 * normalises heads and rotates sliding layers by another base.
 */
final class Gemma {
  private static final BlockNorms NORMS =
      new BlockNorms(
          Optional.of("input_layernorm"),
          Optional.of("post_attention_layernorm"),
          Optional.of("pre_feedforward_layernorm"),
          Optional.of("post_feedforward_layernorm"));
  private static final int HEAD_SIZE = 256;
  private static final int GEMMA3_PATTERN = 6;

  private Gemma() {}

  static DecoderSpec read2(HfConfig config) {
    CommonFields common = CommonFields.read(config).withDefaultHeadSize(HEAD_SIZE);
    GroupedAttention plain = attention(common, common.rotary(10_000));
    GroupedAttention attention =
        plain.with(plain.spec().withSoftCap(config.findNumber("attn_logit_softcapping").orElse(0)));
    return decoder(common, layer -> common.windowed(attention, layer, layer % 2 == 0));
  }

  static DecoderSpec read3(HfConfig config) {
    CommonFields common = CommonFields.read(config).withDefaultHeadSize(HEAD_SIZE);
    if (config.flag("use_bidirectional_attention", false)) {
      throw config.unusable(
          "use_bidirectional_attention", "false: only causal attention is known here");
    }
    int size = common.headSize();
    RotarySpec whole =
        RotaryFields.readOfType(config, "full_attention", size, 1e6)
            .orElseGet(() -> common.rotary(1e6));
    double localTheta = config.findNumber("rope_local_base_freq").orElse(10_000);
    RotarySpec local =
        RotaryFields.readOfType(config, "sliding_attention", size, localTheta)
            .orElseGet(() -> new RotarySpec(size, localTheta, new RotaryScaling.None()));
    GroupedAttention attention = attention(common, whole).withHeadNorm(HeadNorm.EACH_HEAD);
    int pattern = config.findCount("sliding_window_pattern").orElse(GEMMA3_PATTERN);
    return decoder(
        common,
        layer ->
            common.isOfType(layer, "sliding_attention", (layer + 1) % pattern != 0)
                ? attention
                    .with(attention.spec().withWindow(common.slidingWindow()))
                    .withRotary(Optional.of(local))
                : attention);
  }

  private static GroupedAttention attention(CommonFields common, RotarySpec rotary) {
    boolean bias = common.config().flag("attention_bias", false);
    GroupedAttention plain = common.attention(bias, bias, rotary);
    double scalar = common.config().findNumber("query_pre_attn_scalar").orElse(HEAD_SIZE);
    return plain.with(plain.spec().withScale(1 / Math.sqrt(scalar)));
  }

  private interface Attentions {
    GroupedAttention of(int layer);
  }

  private static DecoderSpec decoder(CommonFields common, Attentions attentions) {
    HfConfig config = common.config();
    String field = config.has("hidden_activation") ? "hidden_activation" : "hidden_act";
    GatedFeedForward feedForward =
        GatedFeedForward.of(
            common.feedForward(), common.activation(field, "gelu_pytorch_tanh"), false);
    return common
        .decoder(
            new NormSpec((float) common.epsilon(1e-6), true, true),
            true,
            layer -> new BlockSpec(NORMS, attentions.of(layer), feedForward))
        .with(
            new DecoderSpec.Ends(
                Math.sqrt(common.hidden()),
                true,
                1,
                config.findNumber("final_logit_softcapping").orElse(0)));
  }
}
