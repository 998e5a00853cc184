package org.modelopt.export.gguf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.safetensors.ShardedWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/** Small random checkpoints of several architectures, in F32 so that values compare exactly. */
final class GgufCheckpoints {
  static final int HIDDEN = 64;
  static final int WIDTH = 96;
  static final int HEADS = 4;
  static final int KEY_HEADS = 2;
  static final int HEAD = 16;
  static final int ROWS = 40;

  private final Map<String, Shape> shapes = new LinkedHashMap<>();
  private final String config;

  private GgufCheckpoints(String architecture, String more) {
    this.config =
        """
        {"architectures": ["%s"], "hidden_size": 64, "intermediate_size": 96,
         "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 16, "vocab_size": 40, "max_position_embeddings": 128,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true%s}
        """
            .formatted(architecture, more);
    add("model.embed_tokens.weight", ROWS, HIDDEN);
    add("model.norm.weight", HIDDEN);
    layer("input_layernorm.weight", HIDDEN);
    layer("post_attention_layernorm.weight", HIDDEN);
    layer("self_attn.o_proj.weight", HIDDEN, HEADS * HEAD);
  }

  private void add(String name, long... dims) {
    shapes.put(name, Shape.of(dims));
  }

  private void layer(String name, long... dims) {
    add("model.layers.0." + name, dims);
  }

  private GgufCheckpoints attention() {
    layer("self_attn.q_proj.weight", HEADS * HEAD, HIDDEN);
    layer("self_attn.k_proj.weight", KEY_HEADS * HEAD, HIDDEN);
    layer("self_attn.v_proj.weight", KEY_HEADS * HEAD, HIDDEN);
    return this;
  }

  private GgufCheckpoints attentionBiases() {
    layer("self_attn.q_proj.bias", HEADS * HEAD);
    layer("self_attn.k_proj.bias", KEY_HEADS * HEAD);
    layer("self_attn.v_proj.bias", KEY_HEADS * HEAD);
    return this;
  }

  private GgufCheckpoints attentionNorms() {
    layer("self_attn.q_norm.weight", HEAD);
    layer("self_attn.k_norm.weight", HEAD);
    return this;
  }

  private GgufCheckpoints dense() {
    layer("mlp.gate_proj.weight", WIDTH, HIDDEN);
    layer("mlp.up_proj.weight", WIDTH, HIDDEN);
    layer("mlp.down_proj.weight", HIDDEN, WIDTH);
    return this;
  }

  /** Llama with biases and Llama 3's rotary scaling. */
  static GgufCheckpoints llama() {
    GgufCheckpoints made =
        new GgufCheckpoints(
            "LlamaForCausalLM",
            """
            , "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
            """);
    return made.attention().attentionBiases().dense();
  }

  static GgufCheckpoints mixtral() {
    GgufCheckpoints made =
        new GgufCheckpoints(
            "MixtralForCausalLM", ", \"num_local_experts\": 2, \"num_experts_per_tok\": 1");
    made.attention().layer("block_sparse_moe.gate.weight", 2, HIDDEN);
    for (int e = 0; e < 2; e++) {
      String expert = "block_sparse_moe.experts." + e + ".";
      made.layer(expert + "w1.weight", WIDTH, HIDDEN);
      made.layer(expert + "w2.weight", HIDDEN, WIDTH);
      made.layer(expert + "w3.weight", WIDTH, HIDDEN);
    }
    return made;
  }

  static GgufCheckpoints qwen2() {
    return new GgufCheckpoints("Qwen2ForCausalLM", "").attention().attentionBiases().dense();
  }

  static GgufCheckpoints qwen3() {
    return new GgufCheckpoints("Qwen3ForCausalLM", "").attention().attentionNorms().dense();
  }

  /** Experts fused as newer checkpoints have them: first half gate, second half up. */
  static GgufCheckpoints qwen3Moe() {
    GgufCheckpoints made =
        new GgufCheckpoints(
            "Qwen3MoeForCausalLM",
            ", \"num_experts\": 2, \"num_experts_per_tok\": 1, \"moe_intermediate_size\": 32");
    made.attention().attentionNorms().layer("mlp.gate.weight", 2, HIDDEN);
    made.layer("mlp.experts.gate_up_proj", 2, 64, HIDDEN);
    made.layer("mlp.experts.down_proj", 2, HIDDEN, 32);
    return made;
  }

  static GgufCheckpoints gemma3() {
    GgufCheckpoints made = new GgufCheckpoints("Gemma3ForCausalLM", ", \"sliding_window\": 32");
    made.attention().attentionNorms().dense();
    made.layer("pre_feedforward_layernorm.weight", HIDDEN);
    made.layer("post_feedforward_layernorm.weight", HIDDEN);
    return made;
  }

  static GgufCheckpoints gemma2() {
    GgufCheckpoints made = new GgufCheckpoints("Gemma2ForCausalLM", "");
    made.attention().dense();
    made.layer("pre_feedforward_layernorm.weight", HIDDEN);
    made.layer("post_feedforward_layernorm.weight", HIDDEN);
    return made;
  }

  static GgufCheckpoints phi3() {
    GgufCheckpoints made = new GgufCheckpoints("Phi3ForCausalLM", "");
    made.layer("self_attn.qkv_proj.weight", (HEADS + 2 * KEY_HEADS) * HEAD, HIDDEN);
    made.layer("mlp.gate_up_proj.weight", 2 * WIDTH, HIDDEN);
    made.layer("mlp.down_proj.weight", HIDDEN, WIDTH);
    return made;
  }

  /** gpt-oss, which stores experts transposed, and gate and up in turns. */
  static GgufCheckpoints gptOss() {
    GgufCheckpoints made =
        new GgufCheckpoints(
            "GptOssForCausalLM",
            ", \"num_local_experts\": 2, \"num_experts_per_tok\": 1, \"sliding_window\": 16");
    made.attention().attentionBiases();
    made.add("lm_head.weight", ROWS, HIDDEN);
    made.layer("self_attn.o_proj.bias", HIDDEN);
    made.layer("self_attn.sinks", HEADS);
    made.layer("mlp.router.weight", 2, HIDDEN);
    made.layer("mlp.router.bias", 2);
    made.layer("mlp.experts.gate_up_proj", 2, HIDDEN, 2 * WIDTH);
    made.layer("mlp.experts.gate_up_proj_bias", 2, 2 * WIDTH);
    made.layer("mlp.experts.down_proj", 2, WIDTH, HIDDEN);
    made.layer("mlp.experts.down_proj_bias", 2, HIDDEN);
    return made;
  }

  /** Writes the checkpoint. */
  Path write(Path directory) {
    Random random = new Random(5);
    var infos =
        shapes.entrySet().stream()
            .map(e -> new TensorInfo(e.getKey(), DType.F32, e.getValue()))
            .toList();
    try (Arena arena = Arena.ofConfined()) {
      Files.createDirectories(directory);
      String text =
          config.contains("GptOss")
              ? config.replace("embeddings\": true", "embeddings\": false")
              : config;
      Files.writeString(directory.resolve("config.json"), text);
      try (ShardedWriter writer = ShardedWriter.create(directory, ShardPlan.of(infos, 1L << 30))) {
        for (TensorInfo info : infos) {
          float[] values = new float[Math.toIntExact(info.shape().elements())];
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
          }
          writer.write(info.name(), Tensor.ofFloats(arena, info.shape(), values).segment());
        }
        writer.finish();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return directory;
  }
}
