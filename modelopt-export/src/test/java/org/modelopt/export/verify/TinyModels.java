package org.modelopt.export.verify;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;

/** Small random models in BF16, the originals of the tests' exports. */
final class TinyModels {
  static final int HIDDEN = 128;
  static final int WIDTH = 256;
  static final int LAYERS = 2;
  static final int HEADS = 4;
  static final int KV_HEADS = 2;
  static final int HEAD_SIZE = 32;
  static final int VOCABULARY = 64;
  static final int EXPERTS = 3;

  private TinyModels() {}

  /** A Llama with an output head of its own. */
  static TestCheckpoint llama() {
    TestCheckpoint model = base("llama", "LlamaForCausalLM");
    Random random = new Random(7);
    for (int i = 0; i < LAYERS; i++) {
      String layer = "model.layers." + i + ".";
      attention(model, layer, random);
      gated(model, layer + "mlp.", WIDTH, random);
    }
    outside(model, random);
    return model;
  }

  /** A Qwen3 with experts, routers and norms of queries and keys. */
  static TestCheckpoint qwen3Moe() {
    TestCheckpoint model = base("qwen3_moe", "Qwen3MoeForCausalLM");
    model.config.put("num_experts", EXPERTS).put("moe_intermediate_size", HIDDEN);
    Random random = new Random(8);
    for (int i = 0; i < LAYERS; i++) {
      String layer = "model.layers." + i + ".";
      attention(model, layer, random);
      for (String norm : List.of("q_norm", "k_norm")) {
        norm(model, layer + "self_attn." + norm, HEAD_SIZE, random);
      }
      weight(model, layer + "mlp.gate", EXPERTS, HIDDEN, random);
      for (int e = 0; e < EXPERTS; e++) {
        gated(model, layer + "mlp.experts." + e + ".", HIDDEN, random);
      }
    }
    outside(model, random);
    return model;
  }

  /** A gpt-oss with stacked experts, gate and up in turns. */
  static TestCheckpoint gptOss() {
    TestCheckpoint model = base("gpt_oss", "GptOssForCausalLM");
    model.config.put("num_local_experts", EXPERTS).put("num_experts_per_tok", 1);
    Random random = new Random(9);
    for (int i = 0; i < LAYERS; i++) {
      String layer = "model.layers." + i + ".";
      attention(model, layer, random);
      for (String name : List.of("q_proj", "k_proj", "v_proj", "o_proj")) {
        long out = model.get(layer + "self_attn." + name + ".weight").dims()[0];
        tensor(model, layer + "self_attn." + name + ".bias", random, out);
      }
      tensor(model, layer + "self_attn.sinks", random, HEADS);
      weight(model, layer + "mlp.router", EXPERTS, HIDDEN, random);
      tensor(model, layer + "mlp.router.bias", random, EXPERTS);
      String experts = layer + "mlp.experts.";
      tensor(model, experts + "gate_up_proj", random, EXPERTS, HIDDEN, 2 * WIDTH);
      tensor(model, experts + "gate_up_proj_bias", random, EXPERTS, 2 * WIDTH);
      tensor(model, experts + "down_proj", random, EXPERTS, WIDTH, HIDDEN);
      tensor(model, experts + "down_proj_bias", random, EXPERTS, HIDDEN);
    }
    outside(model, random);
    return model;
  }

  private static void tensor(TestCheckpoint model, String name, Random random, long... dims) {
    float[] values = new float[(int) LongStream.of(dims).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.05 * random.nextGaussian());
    }
    model.put(name, TestTensor.bf16(dims, values));
  }

  private static TestCheckpoint base(String type, String architecture) {
    TestCheckpoint model = new TestCheckpoint();
    model
        .config
        .put("model_type", type)
        .put("hidden_size", HIDDEN)
        .put("intermediate_size", WIDTH)
        .put("num_hidden_layers", LAYERS)
        .put("num_attention_heads", HEADS)
        .put("num_key_value_heads", KV_HEADS)
        .put("head_dim", HEAD_SIZE)
        .put("vocab_size", VOCABULARY)
        .put("tie_word_embeddings", false)
        .put("dtype", "bfloat16");
    model.config.putArray("architectures").add(architecture);
    model.files.put("tokenizer.json", "{\"tiny\": true}".getBytes(StandardCharsets.UTF_8));
    model.files.put("generation_config.json", "{\"top_p\": 0.9}".getBytes(StandardCharsets.UTF_8));
    return model;
  }

  private static void attention(TestCheckpoint model, String layer, Random random) {
    norm(model, layer + "input_layernorm", HIDDEN, random);
    norm(model, layer + "post_attention_layernorm", HIDDEN, random);
    weight(model, layer + "self_attn.q_proj", HEADS * HEAD_SIZE, HIDDEN, random);
    weight(model, layer + "self_attn.k_proj", KV_HEADS * HEAD_SIZE, HIDDEN, random);
    weight(model, layer + "self_attn.v_proj", KV_HEADS * HEAD_SIZE, HIDDEN, random);
    weight(model, layer + "self_attn.o_proj", HIDDEN, HEADS * HEAD_SIZE, random);
  }

  private static void gated(TestCheckpoint model, String stem, int width, Random random) {
    weight(model, stem + "gate_proj", width, HIDDEN, random);
    weight(model, stem + "up_proj", width, HIDDEN, random);
    weight(model, stem + "down_proj", HIDDEN, width, random);
  }

  private static void outside(TestCheckpoint model, Random random) {
    weight(model, "model.embed_tokens", VOCABULARY, HIDDEN, random);
    weight(model, "lm_head", VOCABULARY, HIDDEN, random);
    norm(model, "model.norm", HIDDEN, random);
  }

  private static void norm(TestCheckpoint model, String name, int size, Random random) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) Math.exp(0.3 * random.nextGaussian());
    }
    model.put(name + ".weight", TestTensor.bf16(new long[] {size}, values));
  }

  private static void weight(TestCheckpoint model, String name, int n, int k, Random random) {
    float[] values = new float[n * k];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.05 * random.nextGaussian());
    }
    model.put(name + ".weight", TestTensor.bf16(new long[] {n, k}, values));
  }

  /** Paths of the linear layers that exports quantize: all but routers and the output head. */
  static List<String> linears(TestCheckpoint model) {
    List<String> paths = new ArrayList<>();
    for (Map.Entry<String, TestTensor> entry : model.tensors.entrySet()) {
      String name = entry.getKey();
      if (name.startsWith("model.layers.")
          && entry.getValue().dims().length == 2
          && !name.endsWith("mlp.gate.weight")) {
        paths.add(name.substring(0, name.length() - ".weight".length()));
      }
    }
    return paths;
  }

  /** Paths of the routers. */
  static List<String> routers(TestCheckpoint model) {
    return model.tensors.keySet().stream()
        .filter(name -> name.endsWith("mlp.gate.weight"))
        .map(name -> name.substring(0, name.length() - ".weight".length()))
        .toList();
  }
}
