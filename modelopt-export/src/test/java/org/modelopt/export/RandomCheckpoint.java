package org.modelopt.export;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.modelopt.models.decoder.DecoderLayers;
import org.modelopt.models.decoder.DecoderSpec;
import org.modelopt.models.family.Families;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A small checkpoint of an architecture, with random weights in BF16, of the tensors that the
 * architecture declares. Sizes are whole numbers of 128, the longest block of the presets.
 */
final class RandomCheckpoint {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  /** Sizes that replace those of a config.json, where it has the field. */
  private static final Map<String, Integer> SIZES =
      Map.ofEntries(
          Map.entry("hidden_size", 128),
          Map.entry("intermediate_size", 256),
          Map.entry("intermediate_size_mlp", 256),
          Map.entry("moe_intermediate_size", 128),
          Map.entry("shared_expert_intermediate_size", 128),
          Map.entry("num_attention_heads", 8),
          Map.entry("num_key_value_heads", 4),
          Map.entry("q_lora_rank", 128),
          Map.entry("kv_lora_rank", 128));

  private RandomCheckpoint() {}

  /** Writes the checkpoint that {@code config} calls for, resized, to {@code directory}. */
  static Path write(Path config, Path directory) throws IOException {
    ObjectNode json = (ObjectNode) JSON.readTree(Files.readString(config));
    SIZES.forEach((field, size) -> {
      if (json.hasNonNull(field)) {
        json.put(field, size);
      }
    });
    if (json.path("model_type").asString().equals("deepseek_v3")) {
      json.put("num_key_value_heads", SIZES.get("num_attention_heads")); // latent attention
    }
    Path written = Files.writeString(directory.resolve("config.json"), json.toString());
    HfConfig read = HfConfig.read(written);
    DecoderSpec spec = Families.of(read).read(read);
    List<TensorInfo> tensors =
        DecoderLayers.of(spec).tensorShapes().entrySet().stream()
            .filter(entry -> !(spec.tiedHead() && entry.getKey().equals(DecoderSpec.HEAD)))
            .map(entry -> new TensorInfo(entry.getKey(), DType.BF16, entry.getValue()))
            .toList();
    boolean around0 = json.path("model_type").asString().startsWith("gemma");
    try (SafetensorsWriter writer =
            SafetensorsWriter.create(
                directory.resolve("model.safetensors"), SafetensorsLayout.of(tensors));
        Arena arena = Arena.ofConfined()) {
      for (TensorInfo info : tensors) {
        writer.write(info.name(), random(info, around0, arena).segment());
      }
      writer.finish();
    }
    return directory;
  }

  private static Tensor random(TensorInfo info, boolean around0, Arena arena) {
    Random random = new Random(info.name().hashCode());
    Tensor tensor = Tensor.allocate(arena, info.dtype(), info.shape());
    boolean norm = info.name().endsWith("norm.weight");
    for (long i = 0; i < info.shape().elements(); i++) {
      double value =
          norm && !around0 ? 1 + 0.1 * random.nextGaussian() : 0.1 * random.nextGaussian();
      tensor
          .segment()
          .set(Tensor.SHORT, 2 * i, (short) (Float.floatToRawIntBits((float) value) >>> 16));
    }
    return tensor;
  }
}
