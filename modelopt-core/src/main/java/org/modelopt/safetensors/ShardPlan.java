package org.modelopt.safetensors;

import static org.modelopt.safetensors.Figures.grouped;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.modelopt.tensor.TensorInfo;

/**
 * Which tensor goes to which file of a checkpoint; an immutable value.
 *
 * <p>Shards are filled greedily in the given order up to a number of tensor bytes. A tensor larger
 * than that gets a shard of its own, before the one that is being filled. If one file is enough it
 * is called {@code model.safetensors} and there is no index; otherwise files are called {@code
 * model-00001-of-00003.safetensors} and so on.
 *
 * <p>Source: huggingface_hub, {@code serialization/_base.py}, {@code
 * split_state_dict_into_shards_factory}.
 */
public final class ShardPlan {
  /**
   * One file.
   *
   * @param fileName its name
   * @param layout what is in it
   */
  public record Shard(String fileName, SafetensorsLayout layout) {}

  private final List<Shard> shards;
  private final long tensorBytes;

  private ShardPlan(List<Shard> shards, long tensorBytes) {
    this.shards = List.copyOf(shards);
    this.tensorBytes = tensorBytes;
  }

  /** A plan with {@link SafetensorsLayout#PYTORCH_METADATA} in every file. */
  public static ShardPlan of(Collection<TensorInfo> tensors, long maxShardBytes) {
    return of(tensors, maxShardBytes, SafetensorsLayout.PYTORCH_METADATA);
  }

  /**
   * A plan for these tensors.
   *
   * @param maxShardBytes most bytes of tensors in one file, at least 1; headers do not count
   * @param metadata entries of {@code __metadata__} of every file
   * @throws IllegalArgumentException if a name occurs twice or cannot be a tensor's name
   * @throws org.modelopt.error.ExportException if a header would be too large
   */
  public static ShardPlan of(
      Collection<TensorInfo> tensors, long maxShardBytes, Map<String, String> metadata) {
    if (maxShardBytes < 1) {
      throw new IllegalArgumentException("maxShardBytes must be positive: " + maxShardBytes);
    }
    List<List<TensorInfo>> groups = split(tensors, maxShardBytes);
    List<Shard> shards = new ArrayList<>();
    long tensorBytes = 0;
    for (int i = 0; i < groups.size(); i++) {
      String name =
          groups.size() == 1
              ? SafetensorsCheckpoint.SINGLE_FILE
              : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, groups.size());
      shards.add(new Shard(name, SafetensorsLayout.of(groups.get(i), metadata)));
      for (TensorInfo tensor : groups.get(i)) {
        tensorBytes = Math.addExact(tensorBytes, tensor.byteSize());
      }
    }
    ShardPlan plan = new ShardPlan(shards, tensorBytes);
    if (plan.fileOfTensor().size() != tensors.size()) {
      throw new IllegalArgumentException("two tensors have the same name");
    }
    return plan;
  }

  private static List<List<TensorInfo>> split(Collection<TensorInfo> tensors, long limit) {
    List<List<TensorInfo>> groups = new ArrayList<>();
    List<TensorInfo> current = new ArrayList<>();
    long currentBytes = 0;
    for (TensorInfo tensor : tensors) {
      long bytes = tensor.byteSize();
      if (bytes > limit) {
        groups.add(List.of(tensor));
        continue;
      }
      if (bytes > limit - currentBytes) {
        groups.add(current);
        current = new ArrayList<>();
        currentBytes = 0;
      }
      current.add(tensor);
      currentBytes += bytes;
    }
    if (!current.isEmpty() || groups.isEmpty()) {
      groups.add(current);
    }
    return groups;
  }

  /** The files, in the order of their numbers. */
  public List<Shard> shards() {
    return shards;
  }

  /** Tensor name to file name, in code point order of the tensor names. */
  public Map<String, String> fileOfTensor() {
    Map<String, String> files = new TreeMap<>(JsonText.CODE_POINT_ORDER);
    for (Shard shard : shards) {
      shard.layout().tensors().forEach(t -> files.put(t.info().name(), shard.fileName()));
    }
    return files;
  }

  /** Sum of the sizes of all tensors in bytes, as the index states it. */
  public long tensorBytes() {
    return tensorBytes;
  }

  /** Size of all files in bytes, headers included, the index not. */
  public long fileBytes() {
    return shards.stream().mapToLong(shard -> shard.layout().byteSize()).sum();
  }

  /**
   * The index that belongs beside several shards: two spaces of indentation, sorted names, ASCII
   * only, a line end at the end; empty if there is one file.
   */
  public Optional<String> index() {
    if (shards.size() == 1) {
      return Optional.empty();
    }
    StringBuilder json = new StringBuilder("{\n  \"metadata\": {\n    \"total_size\": ");
    json.append(tensorBytes).append("\n  },\n  \"weight_map\": {");
    String separator = "\n    ";
    for (Map.Entry<String, String> entry : fileOfTensor().entrySet()) {
      json.append(separator);
      JsonText.appendAsciiQuoted(json, entry.getKey());
      json.append(": ");
      JsonText.appendAsciiQuoted(json, entry.getValue());
      separator = ",\n    ";
    }
    return Optional.of(json.append("\n  }\n}\n").toString());
  }

  /** Number of files and bytes. */
  @Override
  public String toString() {
    return shards.size() + " files, " + grouped(fileBytes()) + " bytes";
  }
}
