package org.modelopt.models.family;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.NormSpec;
import org.modelopt.models.decoder.BlockSpec;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.decoder.GatedFeedForward;
import org.modelopt.models.decoder.GroupedAttention;
import org.modelopt.models.decoder.RotarySpec;
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

  /** A copy for families whose heads have a fixed size unless {@code head_dim} says else. */
  CommonFields withDefaultHeadSize(int size) {
    return config.findCount("head_dim").isPresent()
        ? this
        : new CommonFields(
            config, vocabulary, hidden, feedForward, layers, heads, keyValueHeads, size);
  }

  /** {@code rms_norm_eps}, or what the family has where it is absent. */
  double epsilon(double fallback) {
    return config.findNumber("rms_norm_eps").orElse(fallback);
  }

  /** The usual norm, with epsilon 1e-6 where the config has none. */
  NormSpec norm() {
    return NormSpec.rms(epsilon(1e-6));
  }

  /** Attention over the whole prefix with rotary embedding as the config says. */
  GroupedAttention attention(boolean inputBias, boolean outputBias) {
    return attention(inputBias, outputBias, rotary(10_000));
  }

  /** Attention over the whole prefix. */
  GroupedAttention attention(boolean inputBias, boolean outputBias, RotarySpec rotary) {
    return GroupedAttention.plain(
        AttentionSpec.causal(heads, keyValueHeads, headSize),
        inputBias,
        outputBias,
        Optional.of(rotary));
  }

  /** The rotary embedding, with base {@code theta} where the config has none. */
  RotarySpec rotary(double theta) {
    return RotaryFields.read(config, headSize, theta);
  }

  /** The feed-forward with {@code hidden_act}. */
  GatedFeedForward feedForward(boolean bias) {
    return GatedFeedForward.of(feedForward, activation("hidden_act", "silu"), bias);
  }

  /** {@code sliding_window}; 0 if it is absent. */
  int slidingWindow() {
    // Some configs say 0 or -1 for none.
    double window = config.findNumber("sliding_window").orElse(0);
    return window < 1 ? 0 : config.count("sliding_window");
  }

  /**
   * Whether a layer has the type {@code type} in {@code layer_types}.
   *
   * @param otherwise what holds where the config has no such list
   */
  boolean isOfType(int layer, String type, boolean otherwise) {
    Optional<List<String>> types = config.findTexts("layer_types");
    if (types.isPresent() && types.get().size() < layers) {
      throw config.unusable("layer_types", "a list of " + layers + " texts, one for each layer");
    }
    return types.map(list -> list.get(layer).equals(type)).orElse(otherwise);
  }

  /**
   * Attention of a layer, within the sliding window if {@code layer_types} or the caller say so.
   */
  GroupedAttention windowed(GroupedAttention attention, int layer, boolean otherwise) {
    return isOfType(layer, "sliding_attention", otherwise)
        ? attention.with(attention.spec().withWindow(slidingWindow()))
        : attention;
  }

  /** The non-linearity that {@code field} names. */
  Activation activation(String field, String fallback) {
    return switch (config.findText(field).orElse(fallback)) {
      case "silu", "swish" -> Activation.SILU;
      case "gelu" -> Activation.GELU;
      case "gelu_pytorch_tanh", "gelu_new", "gelu_fast" -> Activation.GELU_TANH;
      case "relu" -> Activation.RELU;
      default -> throw config.unusable(field, "silu, gelu, gelu_pytorch_tanh or relu");
    };
  }

  /** The number of experts, under the first of these names that is there. */
  int experts(String... fields) {
    for (String field : fields) {
      if (config.has(field)) {
        return config.count(field);
      }
    }
    throw config.missing(fields[0]);
  }

  /** {@code num_experts_per_tok}. */
  int expertsPerToken() {
    return config.count("num_experts_per_tok");
  }

  /** The whole model from its norm and its blocks by index. */
  DecoderSpec decoder(NormSpec norm, boolean tiedByDefault, IntFunction<BlockSpec> block) {
    return new DecoderSpec(
        vocabulary,
        hidden,
        norm,
        IntStream.range(0, layers).mapToObj(block).toList(),
        config.flag("tie_word_embeddings", tiedByDefault),
        DecoderSpec.Ends.PLAIN);
  }
}
