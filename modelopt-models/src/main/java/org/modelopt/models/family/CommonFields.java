package org.modelopt.models.family;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.AttentionBlock;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GatedFeedForward;
import org.modelopt.models.hf.HfConfig;

/**
 * The fields of config.json that all families share.
 *
 * @param config where they came from
 * @param vocabulary {@code vocab_size}
 * @param hidden {@code hidden_size}
 * @param feedForward {@code intermediate_size}
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param keyValueHeads {@code num_key_value_heads}, as many as heads if absent
 * @param headSize {@code head_dim}, hidden / heads if absent
 */
record CommonFields(
    HfConfig config,
    int vocabulary,
    int hidden,
    int feedForward,
    int layers,
    int heads,
    int keyValueHeads,
    int headSize) {
  static CommonFields read(HfConfig config) {
    int hidden = config.count("hidden_size");
    int heads = config.count("num_attention_heads");
    OptionalInt headSize = config.findCount("head_dim");
    if (headSize.isEmpty() && hidden % heads != 0) {
      throw config.unusable(
          "hidden_size", "a multiple of num_attention_heads = " + heads + ", or head_dim be given");
    }
    int keyValueHeads = config.findCount("num_key_value_heads").orElse(heads);
    if (heads % keyValueHeads != 0) {
      throw config.unusable(
          "num_attention_heads", "a multiple of num_key_value_heads = " + keyValueHeads);
    }
    return new CommonFields(
        config,
        config.count("vocab_size"),
        hidden,
        config.count("intermediate_size"),
        config.count("num_hidden_layers"),
        heads,
        keyValueHeads,
        headSize.orElse(hidden / heads));
  }

  /** {@code rms_norm_eps}, 1e-6 if absent. */
  double epsilon() {
    return config.findNumber("rms_norm_eps").orElse(1e-6);
  }

  /** Attention over the whole prefix with rotary embedding as the config says. */
  AttentionBlock attention(boolean inputBias, boolean outputBias) {
    return new AttentionBlock(
        AttentionSpec.causal(heads, keyValueHeads, headSize),
        inputBias,
        outputBias,
        Optional.of(RotaryFields.read(config, headSize)));
  }

  /** The feed-forward with {@code hidden_act}. */
  GatedFeedForward feedForward(boolean bias) {
    return new GatedFeedForward(feedForward, activation("hidden_act"), bias);
  }

  /** The non-linearity that {@code field} names, SiLU if it is absent. */
  Activation activation(String field) {
    return switch (config.findText(field).orElse("silu")) {
      case "silu", "swish" -> Activation.SILU;
      case "gelu" -> Activation.GELU;
      case "gelu_pytorch_tanh", "gelu_new", "gelu_fast" -> Activation.GELU_TANH;
      case "relu" -> Activation.RELU;
      default -> throw config.unusable(field, "silu, gelu, gelu_pytorch_tanh or relu");
    };
  }

  /** The whole model from its norm and its blocks by index. */
  DecoderSpec decoder(NormSpec norm, boolean tiedByDefault, IntFunction<BlockSpec> block) {
    return new DecoderSpec(
        vocabulary,
        hidden,
        norm,
        IntStream.range(0, layers).mapToObj(block).toList(),
        config.flag("tie_word_embeddings", tiedByDefault));
  }
}
