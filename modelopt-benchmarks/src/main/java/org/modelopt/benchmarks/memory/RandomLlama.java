package org.modelopt.benchmarks.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.modelopt.benchmarks.Usage;
import org.modelopt.publish.Publication;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.safetensors.ShardPlan;
import org.modelopt.safetensors.ShardedWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * Writes a Llama checkpoint of random weights: BF16, hidden size 2048, 32 heads on 8, feed-forward
 * size 5632, vocabulary 32000, so 89 MB a layer and 262 MB beside the layers; and, as {@code
 * input_ids.safetensors} in it, 64 rows of 256 random tokens to calibrate on. The same seed gives
 * the same bytes; a few MB are in memory.
 *
 * <p>Arguments: directory, number of layers (20 make 2 GB), seed.
 */
public final class RandomLlama {
  private static final int HIDDEN = 2048;
  private static final int HEADS = 32;
  private static final int KV_HEADS = 8;
  private static final int FEED_FORWARD = 5632;
  private static final int VOCABULARY = 32_000;
  private static final int ROWS = 64;
  private static final int TOKENS = 256;
  private static final long SHARD_BYTES = 1L << 30;
  private static final int CHUNK_ELEMENTS = 1 << 20;

  /** Weights are uniform with the standard deviation of usual initialisation, 0.02. */
  private static final float LIMIT = 0.02f * 1.7320508f;

  private final long seed;

  private RandomLlama(long seed) {
    this.seed = seed;
  }

  /** Writes the checkpoint. */
  public static void main(String[] args) throws IOException {
    Usage.check(args, "DIRECTORY LAYERS SEED");
    new RandomLlama(Long.parseLong(args[2])).write(Path.of(args[0]), Integer.parseInt(args[1]));
  }

  private void write(Path directory, int layers) throws IOException {
    try (Publication publication = Publication.ofDirectory(directory)) {
      Path path = publication.path();
      ShardPlan plan = ShardPlan.of(tensors(layers), SHARD_BYTES);
      publication.requireFreeBytes(plan.fileBytes());
      try (ShardedWriter writer = ShardedWriter.create(path, plan)) {
        tensors(layers).forEach(info -> writeWeight(writer, info));
        writer.finish();
      }
      Files.writeString(path.resolve("config.json"), config(layers), StandardCharsets.UTF_8);
      writeRows(path.resolve("input_ids.safetensors"));
      publication.commit();
    }
  }

  private static List<TensorInfo> tensors(int layers) {
    List<TensorInfo> tensors = new ArrayList<>();
    long keyValue = (long) HIDDEN / HEADS * KV_HEADS;
    tensors.add(weight("model.embed_tokens", VOCABULARY, HIDDEN));
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i;
      tensors.add(norm(layer + ".input_layernorm"));
      tensors.add(weight(layer + ".self_attn.q_proj", HIDDEN, HIDDEN));
      tensors.add(weight(layer + ".self_attn.k_proj", keyValue, HIDDEN));
      tensors.add(weight(layer + ".self_attn.v_proj", keyValue, HIDDEN));
      tensors.add(weight(layer + ".self_attn.o_proj", HIDDEN, HIDDEN));
      tensors.add(norm(layer + ".post_attention_layernorm"));
      tensors.add(weight(layer + ".mlp.gate_proj", FEED_FORWARD, HIDDEN));
      tensors.add(weight(layer + ".mlp.up_proj", FEED_FORWARD, HIDDEN));
      tensors.add(weight(layer + ".mlp.down_proj", HIDDEN, FEED_FORWARD));
    }
    tensors.add(norm("model.norm"));
    tensors.add(weight("lm_head", VOCABULARY, HIDDEN));
    return tensors;
  }

  private static TensorInfo weight(String module, long rows, long columns) {
    return new TensorInfo(module + ".weight", DType.BF16, Shape.of(rows, columns));
  }

  private static TensorInfo norm(String module) {
    return new TensorInfo(module + ".weight", DType.BF16, Shape.of(HIDDEN));
  }

  private void writeWeight(ShardedWriter writer, TensorInfo info) {
    SplittableRandom random = new SplittableRandom(seed ^ info.name().hashCode());
    long elements = info.shape().elements();
    boolean norm = info.shape().rank() == 1;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(2L * CHUNK_ELEMENTS, 8);
      for (long done = 0; done < elements; done += CHUNK_ELEMENTS) {
        long length = Math.min(CHUNK_ELEMENTS, elements - done);
        for (long i = 0; i < length; i++) {
          float value = norm ? 1 : (random.nextInt() * 0x1p-31f) * LIMIT;
          chunk.set(Tensor.SHORT, 2 * i, (short) (Float.floatToRawIntBits(value) >>> 16));
        }
        writer.write(info.name(), chunk.asSlice(0, 2 * length));
      }
    }
  }

  private void writeRows(Path file) {
    SplittableRandom random = new SplittableRandom(seed);
    TensorInfo info = new TensorInfo("input_ids", DType.I32, Shape.of(ROWS, TOKENS));
    int[] ids = random.ints((long) ROWS * TOKENS, 0, VOCABULARY).toArray();
    try (Arena arena = Arena.ofConfined();
        SafetensorsWriter writer =
            SafetensorsWriter.create(file, SafetensorsLayout.of(List.of(info)))) {
      writer.write(info.name(), Tensor.ofInts(arena, info.shape(), ids).segment());
      writer.finish();
    }
  }

  private static String config(int layers) {
    return """
    {
      "architectures": ["LlamaForCausalLM"],
      "model_type": "llama",
      "torch_dtype": "bfloat16",
      "hidden_act": "silu",
      "hidden_size": %d,
      "intermediate_size": %d,
      "num_attention_heads": %d,
      "num_key_value_heads": %d,
      "num_hidden_layers": %d,
      "vocab_size": %d,
      "max_position_embeddings": 4096,
      "rms_norm_eps": 1e-05,
      "rope_theta": 10000.0,
      "tie_word_embeddings": false,
      "attention_bias": false,
      "mlp_bias": false,
      "bos_token_id": 1,
      "eos_token_id": 2
    }
    """
        .formatted(HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, layers, VOCABULARY);
  }
}
