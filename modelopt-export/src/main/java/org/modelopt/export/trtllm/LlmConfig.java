package org.modelopt.export.trtllm;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.error.ConfigException;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.unified.LinearFormat;
import org.modelopt.export.write.Subject;
import org.modelopt.tensor.DType;
import org.modelopt.version.Version;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code config.json} of TensorRT-LLM says of a model.
 *
 * @param json {@code config.json} of HuggingFace
 * @param dtype type of unquantized tensors
 * @param decoder family as the reference calls it
 */
record LlmConfig(ObjectNode json, DType dtype, String decoder) {
  private static final Map<String, String> DECODERS =
      Map.of(
          "llama", "llama",
          "mistral", "llama",
          "mixtral", "llama",
          "qwen2", "qwen",
          "qwen3", "qwen",
          "qwen3_moe", "qwen3moe");

  /** The family of a {@code model_type}, if classic checkpoints are written for it. */
  static Optional<String> decoder(String modelType) {
    return Optional.ofNullable(DECODERS.get(modelType));
  }

  static LlmConfig of(Subject subject) {
    ObjectNode json = subject.model().config().json();
    String type = json.path("model_type").asString("");
    String decoder = DECODERS.get(type);
    if (decoder == null) {
      throw new ConfigException(
          "classic TensorRT-LLM checkpoints are written for %s, not for model_type \"%s\"; export hf for its PyTorch backend"
              .formatted(DECODERS.keySet().stream().sorted().toList(), type));
    }
    return new LlmConfig(json, subject.dtype(), decoder);
  }

  private int number(String field) {
    return json.path(field).asInt(0);
  }

  int layers() {
    return number("num_hidden_layers");
  }

  int heads() {
    return number("num_attention_heads");
  }

  int keyValueHeads() {
    return json.path("num_key_value_heads").asInt(heads());
  }

  int headSize() {
    return json.path("head_dim").asInt(number("hidden_size") / heads());
  }

  int vocabulary() {
    return number("vocab_size");
  }

  boolean isTied() {
    return json.path("tie_word_embeddings").asBoolean(false);
  }

  int experts() {
    return json.path("num_local_experts").asInt(json.path("num_experts").asInt(0));
  }

  /** The text of {@code config.json}; keys in the reference's order. */
  String text(
      Ranks ranks, Optional<LinearFormat> format, List<String> excluded, Optional<String> cache) {
    ObjectNode node = JsonText.object();
    node.putObject("producer").put("name", "modelopt").put("version", Version.current());
    node.put("architecture", json.path("architectures").path(0).asString());
    node.put("dtype", name());
    node.put("logits_dtype", dtype == DType.BF16 ? "float16" : "float32");
    node.put("num_hidden_layers", layers());
    node.put("num_attention_heads", heads());
    node.put("num_key_value_heads", keyValueHeads());
    node.put("hidden_size", number("hidden_size"));
    node.set("norm_epsilon", json.path("rms_norm_eps"));
    node.put("vocab_size", vocabulary());
    node.put("max_position_embeddings", json.path("max_position_embeddings").asInt(2048));
    node.put("hidden_act", json.path("hidden_act").asString("silu"));
    node.put("use_parallel_embedding", true);
    node.put("embedding_sharding_dim", 0);
    node.put("head_size", headSize());
    node.put("intermediate_size", experts() > 0 ? expertSize() : number("intermediate_size"));
    node.put("position_embedding_type", "rope_gpt_neox");
    node.put("share_embedding_table", false);
    node.put("residual_mlp", false);
    node.put("bias", false);
    node.put("rotary_pct", 1.0);
    node.put("rank", 0);
    node.put("decoder", decoder);
    node.put("rmsnorm", true);
    node.put("lm_head_bias", false);
    addRotary(node);
    if (json.path("model_type").asString("").startsWith("qwen3")) {
      node.put("qk_layernorm", true);
    }
    ObjectNode mapping = node.putObject("mapping");
    mapping.put("world_size", ranks.count());
    mapping.put("tp_size", ranks.tensorParallel());
    mapping.put("pp_size", ranks.pipelineParallel());
    if (experts() > 0) {
      mapping.put("moe_tp_size", ranks.tensorParallel()).put("moe_ep_size", 1);
    }
    ObjectNode quantization = node.putObject("quantization");
    format.ifPresentOrElse(
        f -> quantization.put("quant_algo", f.algorithm().text()),
        () -> quantization.putNull("quant_algo"));
    cache.ifPresentOrElse(
        c -> quantization.put("kv_cache_quant_algo", c),
        () -> quantization.putNull("kv_cache_quant_algo"));
    format.ifPresent(f -> f.describe(quantization));
    quantization.set("exclude_modules", JsonText.array(excluded));
    if (experts() > 0) {
      addExperts(node);
    }
    return JsonText.of(node);
  }

  private int expertSize() {
    return json.path("moe_intermediate_size").asInt(number("intermediate_size"));
  }

  private void addExperts(ObjectNode node) {
    node.putObject("moe")
        .put("num_experts", experts())
        .put("moe_intermediate_size", expertSize())
        .put("num_shared_experts", 0)
        .put("top_k", number("num_experts_per_tok"))
        .put("normalization_mode", json.path("norm_topk_prob").asBoolean(true) ? 1 : 0);
  }

  /** Rotary settings where they are not the usual ones, which TensorRT-LLM assumes. */
  private void addRotary(ObjectNode node) {
    JsonNode newer = json.path("rope_parameters");
    double base = newer.path("rope_theta").asDouble(json.path("rope_theta").asDouble(10000.0));
    if (base != 10000.0) {
      node.put("rotary_base", base);
    }
    JsonNode scaling = newer.isObject() ? newer : json.path("rope_scaling");
    String type = scaling.path("rope_type").asString(scaling.path("type").asString("default"));
    if (scaling.isObject() && !type.equals("default")) {
      node.set("rotary_scaling", scaling);
    }
  }

  private String name() {
    return switch (dtype) {
      case BF16 -> "bfloat16";
      case F16 -> "float16";
      default -> "float32";
    };
  }
}
