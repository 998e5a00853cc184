package org.modelopt.export.verify.layout;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.layout.LinearModule.Split;

/**
 * Names and shapes of the tensors of each known {@code model_type}.
 *
 * <p>Source: the {@code modeling_*.py} files of transformers and the hub checkpoints they load;
 * per-expert names are those on disk. Another architecture is another entry of {@link #TABLE}.
 */
final class Architectures {
  private static final String INPUT = "input_layernorm";
  private static final String POST_ATTENTION = "post_attention_layernorm";
  private static final String PRE_FEED_FORWARD = "pre_feedforward_layernorm";
  private static final String POST_FEED_FORWARD = "post_feedforward_layernorm";
  private static final String NO_NORM = "";

  private static final Map<String, Consumer<LayerTable>> TABLE = table();

  private Architectures() {}

  private static Map<String, Consumer<LayerTable>> table() {
    Map<String, Consumer<LayerTable>> table = new LinkedHashMap<>();
    for (String type : List.of("llama", "mistral", "granite", "smollm3", "gemma")) {
      table.put(type, Architectures::llama);
    }
    table.put("qwen2", Architectures::qwen2);
    table.put("qwen3", Architectures::qwen3);
    table.put("qwen2_moe", Architectures::qwen2Moe);
    table.put("qwen3_moe", Architectures::qwen3Moe);
    table.put("mixtral", Architectures::mixtral);
    table.put("gemma2", Architectures::gemma2);
    table.put("gemma3_text", Architectures::gemma3);
    table.put("phi3", Architectures::phi3);
    table.put("glm4", Architectures::glm4);
    table.put("olmo2", Architectures::olmo2);
    table.put("deepseek_v3", Architectures::deepseekV3);
    table.put("gpt_oss", Architectures::gptOss);
    table.put("llama4_text", Architectures::llama4);
    return table;
  }

  /** The known model types. */
  static Collection<String> modelTypes() {
    return new TreeSet<>(TABLE.keySet());
  }

  /**
   * The layout that {@code config} implies; empty if its model type is not in the table.
   *
   * @param prefix path before {@code layers}, with its dot
   * @param head path of the output head
   * @throws org.modelopt.error.CheckpointException if a field that the architecture needs is absent
   */
  static Optional<ModelLayout.Builder> layout(ModelConfig config, String prefix, String head) {
    Consumer<LayerTable> block = TABLE.get(config.modelType());
    if (block == null) {
      return Optional.empty();
    }
    ModelLayout.Builder layout = new ModelLayout.Builder(ModelLayout.Source.TABLE);
    long hidden = config.size("hidden_size");
    layout.other(prefix + "embed_tokens.weight", config.size("vocab_size"), hidden);
    for (long i = 0; i < config.layers(); i++) {
      block.accept(new LayerTable(layout, config, prefix + "layers." + i + ".", i));
    }
    layout.other(prefix + "norm.weight", hidden);
    if (!config.isTied()) {
      layout.linear(
          new LinearModule(
              head,
              config.size("vocab_size"),
              hidden,
              Split.COLUMN_PARALLEL,
              Role.HEAD,
              Optional.of(prefix + "norm.weight")));
    }
    if (config.modelType().startsWith("gemma")) {
      layout.unitOffsetNorms();
    }
    return Optional.of(layout);
  }

  private static void llama(LayerTable layer) {
    boolean bias = layer.config().flag("attention_bias", false);
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, bias, bias, INPUT);
    gated(
        layer, "mlp", "intermediate_size", layer.config().flag("mlp_bias", false), POST_ATTENTION);
  }

  private static void qwen2(LayerTable layer) {
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, true, false, INPUT);
    gated(layer, "mlp", "intermediate_size", false, POST_ATTENTION);
  }

  private static void qwen3(LayerTable layer) {
    qwen3Attention(layer);
    gated(layer, "mlp", "intermediate_size", false, POST_ATTENTION);
  }

  private static void qwen3Attention(LayerTable layer) {
    boolean bias = layer.config().flag("attention_bias", false);
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, bias, bias, INPUT);
    headNorms(layer, layer.config().headSize(), layer.config().headSize());
  }

  private static void qwen2Moe(LayerTable layer) {
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, layer.config().flag("qkv_bias", true), false, INPUT);
    if (qwenSparse(layer)) {
      experts(layer, "mlp", "gate", experts(layer), "moe_intermediate_size");
      gated(layer, "mlp.shared_expert", "shared_expert_intermediate_size", false, POST_ATTENTION);
      layer.router("mlp.shared_expert_gate", 1, false, POST_ATTENTION);
    } else {
      gated(layer, "mlp", "intermediate_size", false, POST_ATTENTION);
    }
  }

  private static void qwen3Moe(LayerTable layer) {
    qwen3Attention(layer);
    if (qwenSparse(layer)) {
      experts(layer, "mlp", "gate", experts(layer), "moe_intermediate_size");
    } else {
      gated(layer, "mlp", "intermediate_size", false, POST_ATTENTION);
    }
  }

  private static boolean qwenSparse(LayerTable layer) {
    long step = layer.config().find("decoder_sparse_step").orElse(1);
    return !layer.config().listContains("mlp_only_layers", layer.index())
        && (layer.index() + 1) % Math.max(step, 1) == 0;
  }

  private static long experts(LayerTable layer) {
    String field =
        layer.config().find("num_experts").isPresent() ? "num_experts" : "num_local_experts";
    return layer.config().count(field);
  }

  private static void mixtral(LayerTable layer) {
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, false, false, INPUT);
    long experts = layer.config().count("num_local_experts");
    long width = layer.config().size("intermediate_size");
    layer.router("block_sparse_moe.gate", experts, false, POST_ATTENTION);
    for (long e = 0; e < experts; e++) {
      String stem = "block_sparse_moe.experts." + e + ".";
      layer.column(stem + "w1", width, layer.hidden(), false, POST_ATTENTION);
      layer.column(stem + "w3", width, layer.hidden(), false, POST_ATTENTION);
      layer.row(stem + "w2", layer.hidden(), width, false);
      layer.follows(stem + "w2", stem + "w3", width, 1);
    }
  }

  private static void gemma2(LayerTable layer) {
    boolean bias = layer.config().flag("attention_bias", false);
    layer.norms(INPUT, POST_ATTENTION, PRE_FEED_FORWARD, POST_FEED_FORWARD);
    attention(layer, bias, bias, INPUT);
    gated(layer, "mlp", "intermediate_size", false, PRE_FEED_FORWARD);
  }

  private static void gemma3(LayerTable layer) {
    gemma2(layer);
    headNorms(layer, layer.config().headSize(), layer.config().headSize());
  }

  private static void phi3(LayerTable layer) {
    long q = queries(layer);
    layer.norms(INPUT, POST_ATTENTION);
    layer.column("self_attn.qkv_proj", q + 2 * keys(layer), layer.hidden(), false, INPUT);
    layer.row("self_attn.o_proj", layer.hidden(), q, false);
    joined(layer);
  }

  private static void glm4(LayerTable layer) {
    layer.norms(INPUT, POST_ATTENTION, "post_self_attn_layernorm", "post_mlp_layernorm");
    attention(layer, layer.config().flag("attention_bias", false), false, INPUT);
    joined(layer);
  }

  /** A feed-forward block whose gate and up projections are one tensor on disk. */
  private static void joined(LayerTable layer) {
    long width = layer.config().size("intermediate_size");
    layer.column("mlp.gate_up_proj", 2 * width, layer.hidden(), false, POST_ATTENTION);
    layer.row("mlp.down_proj", layer.hidden(), width, false);
  }

  private static void olmo2(LayerTable layer) {
    boolean bias = layer.config().flag("attention_bias", false);
    layer.norms(POST_ATTENTION, POST_FEED_FORWARD);
    attention(layer, bias, bias, NO_NORM);
    headNorms(layer, queries(layer), keys(layer));
    gated(layer, "mlp", "intermediate_size", false, NO_NORM);
  }

  private static void deepseekV3(LayerTable layer) {
    ModelConfig config = layer.config();
    long heads = config.heads();
    long rope = config.size("qk_rope_head_dim");
    long key = config.size("qk_nope_head_dim");
    long value = config.size("v_head_dim");
    long latent = config.size("kv_lora_rank");
    boolean bias = config.flag("attention_bias", false);
    layer.norms(INPUT, POST_ATTENTION);
    String attention = "self_attn.";
    if (config.find("q_lora_rank").isPresent()) {
      long rank = config.size("q_lora_rank");
      layer.replicated(attention + "q_a_proj", rank, layer.hidden(), INPUT);
      layer.tensor(attention + "q_a_layernorm.weight", rank);
      layer.column(
          attention + "q_b_proj", heads * (key + rope), rank, false, attention + "q_a_layernorm");
    } else {
      layer.column(attention + "q_proj", heads * (key + rope), layer.hidden(), false, INPUT);
    }
    layer.replicated(attention + "kv_a_proj_with_mqa", latent + rope, layer.hidden(), INPUT);
    layer.tensor(attention + "kv_a_layernorm.weight", latent);
    layer.column(
        attention + "kv_b_proj",
        heads * (key + value),
        latent,
        false,
        attention + "kv_a_layernorm");
    layer.row(attention + "o_proj", layer.hidden(), heads * value, bias);
    if (layer.index() < config.find("first_k_dense_replace").orElse(0)) {
      gated(layer, "mlp", "intermediate_size", false, POST_ATTENTION);
    } else {
      long experts = config.count("n_routed_experts");
      experts(layer, "mlp", "gate", experts, "moe_intermediate_size");
      layer.tensor("mlp.gate.e_score_correction_bias", experts);
      long shared = config.find("n_shared_experts").orElse(0);
      if (shared > 0) {
        gated(
            layer,
            "mlp.shared_experts",
            shared * config.size("moe_intermediate_size"),
            false,
            POST_ATTENTION);
      }
    }
  }

  private static void gptOss(LayerTable layer) {
    boolean bias = layer.config().flag("attention_bias", true);
    long experts = layer.config().count("num_local_experts");
    long width = layer.config().size("intermediate_size");
    long hidden = layer.hidden();
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, bias, bias, INPUT);
    layer.tensor("self_attn.sinks", layer.config().heads());
    layer.router("mlp.router", experts, true, POST_ATTENTION);
    layer.stack("mlp.experts.gate_up_proj", experts, hidden, 2 * width);
    layer.tensor("mlp.experts.gate_up_proj_bias", experts, 2 * width);
    layer.stack("mlp.experts.down_proj", experts, width, hidden);
    layer.tensor("mlp.experts.down_proj_bias", experts, hidden);
  }

  /** Experts one by one, as servers read them where they are quantized; the hub stacks them. */
  private static void llama4(LayerTable layer) {
    ModelConfig config = layer.config();
    boolean bias = config.flag("attention_bias", false);
    String stem = "feed_forward";
    layer.norms(INPUT, POST_ATTENTION);
    attention(layer, bias, bias, INPUT);
    long step = config.find("interleave_moe_layer_step").orElse(1);
    boolean sparse =
        config.has("moe_layers")
            ? config.listContains("moe_layers", layer.index())
            : (layer.index() + 1) % Math.max(step, 1) == 0;
    if (sparse) {
      experts(layer, stem, "router", config.count("num_local_experts"), "intermediate_size");
      gated(layer, stem + ".shared_expert", "intermediate_size", false, POST_ATTENTION);
    } else {
      gated(layer, stem, "intermediate_size_mlp", false, POST_ATTENTION);
    }
  }

  private static void attention(LayerTable layer, boolean bias, boolean outBias, String norm) {
    layer.column("self_attn.q_proj", queries(layer), layer.hidden(), bias, norm);
    layer.column("self_attn.k_proj", keys(layer), layer.hidden(), bias, norm);
    layer.column("self_attn.v_proj", keys(layer), layer.hidden(), bias, norm);
    layer.row("self_attn.o_proj", layer.hidden(), queries(layer), outBias);
    ModelConfig config = layer.config();
    layer.follows(
        "self_attn.o_proj",
        "self_attn.v_proj",
        config.headSize(),
        config.heads() / config.kvHeads());
  }

  private static long queries(LayerTable layer) {
    return layer.config().heads() * layer.config().headSize();
  }

  private static long keys(LayerTable layer) {
    return layer.config().kvHeads() * layer.config().headSize();
  }

  private static void headNorms(LayerTable layer, long queryWidth, long keyWidth) {
    layer.tensor("self_attn.q_norm.weight", queryWidth);
    layer.tensor("self_attn.k_norm.weight", keyWidth);
  }

  private static void gated(
      LayerTable layer, String stem, String width, boolean bias, String norm) {
    gated(layer, stem, layer.config().size(width), bias, norm);
  }

  private static void gated(LayerTable layer, String stem, long width, boolean bias, String norm) {
    layer.column(stem + ".gate_proj", width, layer.hidden(), bias, norm);
    layer.column(stem + ".up_proj", width, layer.hidden(), bias, norm);
    layer.row(stem + ".down_proj", layer.hidden(), width, bias);
    layer.follows(stem + ".down_proj", stem + ".up_proj", width, 1);
  }

  private static void experts(
      LayerTable layer, String stem, String router, long experts, String width) {
    layer.router(stem + "." + router, experts, false, POST_ATTENTION);
    for (long e = 0; e < experts; e++) {
      gated(layer, stem + ".experts." + e, width, false, POST_ATTENTION);
    }
  }
}
