package org.modelopt.safetensors;

import static org.modelopt.safetensors.Figures.grouped;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.modelopt.error.CheckpointException;

/** Which shard holds which tensor: the content of {@code model.safetensors.index.json}. */
final class ShardIndex {
  private final Path file;
  private final Map<String, String> shardOfTensor = new LinkedHashMap<>();
  private OptionalLong totalBytes = OptionalLong.empty();
  private boolean hasWeightMap;

  private ShardIndex(Path file) {
    this.file = file;
  }

  /**
   * Reads an index.
   *
   * @throws CheckpointException if it cannot be read, is malformed, names no tensor, or a file it
   *     names would not be directly in the index's directory
   */
  static ShardIndex read(Path file) {
    ShardIndex index = new ShardIndex(file);
    try (InputStream bytes = Files.newInputStream(file)) {
      long size = Files.size(file);
      if (size > StrictJson.MAX_BYTES) {
        throw new CheckpointException(
            "%s: has %s bytes, more than the %s that an index may have"
                .formatted(file, grouped(size), grouped(StrictJson.MAX_BYTES)));
      }
      StrictJson.read(file, "the index", bytes, index::read);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e, e);
    }
    if (!index.hasWeightMap) {
      throw new CheckpointException(file + ": has no weight_map; this is no index of shards");
    }
    if (index.shardOfTensor.isEmpty()) {
      throw new CheckpointException(file + ": its weight_map names no tensor");
    }
    return index;
  }

  private void read(StrictJson json) {
    json.forEachEntry(key -> {
      switch (key) {
        case "weight_map" -> {
          hasWeightMap = true;
          json.forEachEntry(
              tensor -> shardOfTensor.put(tensor, checkPlainName(tensor, json.string())));
        }
        case "metadata" -> readMetadata(json);
        default -> json.skip();
      }
    });
  }

  private void readMetadata(StrictJson json) {
    if (json.isNull()) {
      return;
    }
    json.forEachEntry(key -> {
      OptionalLong value = json.countOrSkip();
      if (key.equals("total_size")) {
        totalBytes = value;
      }
    });
  }

  /** A shard is a file in the index's own directory: its name may not lead anywhere else. */
  private String checkPlainName(String tensor, String name) {
    boolean plain =
        !name.isEmpty()
            && !name.equals(".")
            && !name.equals("..")
            && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    if (!plain) {
      throw new CheckpointException(
          "%s: tensor %s is said to be in %s; a shard must be a plain file name in the same directory"
              .formatted(file, JsonText.quote(tensor), JsonText.quote(name)));
    }
    return name;
  }

  /** Tensor name to file name, in the order of the index. */
  Map<String, String> shardOfTensor() {
    return shardOfTensor;
  }

  /** The files named, each once, in the order of their names. */
  List<String> shards() {
    return shardOfTensor.values().stream().distinct().sorted(JsonText.CODE_POINT_ORDER).toList();
  }

  /** The stated sum of tensor sizes in bytes, where there is one and it is a whole number. */
  OptionalLong totalBytes() {
    return totalBytes;
  }
}
