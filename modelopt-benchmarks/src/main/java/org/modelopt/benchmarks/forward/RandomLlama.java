package org.modelopt.benchmarks.forward;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * A Llama checkpoint in bfloat16 with random weights: normal, standard deviation 0.02; norms 1.
 * Every tensor repeats the same 2^20 numbers, which no measured speed depends on.
 *
 * @param hidden channels of the residual stream
 * @param intermediate channels of the feed-forward
 * @param layers decoder layers
 * @param heads query heads
 * @param keyValueHeads key and value heads
 * @param vocabulary rows of the embedding, which is the output head too
 */
public record RandomLlama(
    int hidden, int intermediate, int layers, int heads, int keyValueHeads, int vocabulary) {
  /** The sizes of Llama 3.2 1B. */
  static final RandomLlama ONE_BILLION = new RandomLlama(2048, 8192, 16, 32, 8, 128256);

  /** The sizes of Llama 3.1 8B, with as many layers as wanted and the head tied. */
  public static RandomLlama eightBillion(int layers) {
    return new RandomLlama(4096, 14336, layers, 32, 8, 128256);
  }

  private static final int PATTERN = 1 << 20;

  /** Writes config.json and model.safetensors. */
  public void write(Path directory) throws IOException {
    Files.createDirectories(directory);
    Files.writeString(
        directory.resolve("config.json"),
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16",
         "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
         "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": %d,
         "vocab_size": %d, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
         "max_position_embeddings": 131072, "tie_word_embeddings": true, "hidden_act": "silu",
         "bos_token_id": 0, "eos_token_id": 1}
        """
            .formatted(
                hidden, intermediate, layers, heads, keyValueHeads, hidden / heads, vocabulary));
    List<TensorInfo> tensors = tensors();
    try (Arena arena = Arena.ofConfined();
        SafetensorsWriter writer =
            SafetensorsWriter.create(
                directory.resolve("model.safetensors"), SafetensorsLayout.of(tensors))) {
      MemorySegment normal = pattern(arena);
      MemorySegment ones = Tensor.allocate(arena, DType.BF16, Shape.of(hidden)).segment();
      for (long i = 0; i < hidden; i++) {
        ones.set(Tensor.SHORT, 2 * i, (short) 0x3F80);
      }
      for (TensorInfo tensor : tensors) {
        MemorySegment source = tensor.shape().rank() == 1 ? ones : normal;
        for (long at = 0; at < tensor.byteSize(); at += source.byteSize()) {
          long count = Math.min(source.byteSize(), tensor.byteSize() - at);
          writer.write(tensor.name(), source.asSlice(0, count));
        }
      }
      writer.finish();
    }
  }

  private static MemorySegment pattern(Arena arena) {
    MemorySegment values = Tensor.allocate(arena, DType.BF16, Shape.of(PATTERN)).segment();
    SplittableRandom random = new SplittableRandom(1);
    for (long i = 0; i < PATTERN; i++) {
      int bits = Float.floatToRawIntBits((float) (0.02 * random.nextGaussian()));
      values.set(Tensor.SHORT, 2 * i, (short) (bits >>> 16));
    }
    return values;
  }

  private List<TensorInfo> tensors() {
    List<TensorInfo> tensors = new ArrayList<>();
    int keyChannels = hidden / heads * keyValueHeads;
    tensors.add(tensor("model.embed_tokens", vocabulary, hidden));
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i + ".";
      tensors.add(tensor(layer + "input_layernorm", hidden));
      tensors.add(tensor(layer + "self_attn.q_proj", hidden, hidden));
      tensors.add(tensor(layer + "self_attn.k_proj", keyChannels, hidden));
      tensors.add(tensor(layer + "self_attn.v_proj", keyChannels, hidden));
      tensors.add(tensor(layer + "self_attn.o_proj", hidden, hidden));
      tensors.add(tensor(layer + "post_attention_layernorm", hidden));
      tensors.add(tensor(layer + "mlp.gate_proj", intermediate, hidden));
      tensors.add(tensor(layer + "mlp.up_proj", intermediate, hidden));
      tensors.add(tensor(layer + "mlp.down_proj", hidden, intermediate));
    }
    tensors.add(tensor("model.norm", hidden));
    return tensors;
  }

  private static TensorInfo tensor(String module, long... dims) {
    return new TensorInfo(module + ".weight", DType.BF16, Shape.of(dims));
  }
}
