package org.modelopt.export.verify;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A checkpoint in memory that tests build, damage and write. */
final class TestCheckpoint {
  static final JsonMapper JSON = JsonMapper.builder().build();

  final Map<String, TestTensor> tensors = new TreeMap<>();
  final Map<String, byte[]> files = new TreeMap<>();
  ObjectNode config = JSON.createObjectNode();
  ObjectNode hfQuantConfig;

  TestCheckpoint copy() {
    TestCheckpoint copy = new TestCheckpoint();
    copy.tensors.putAll(tensors);
    copy.files.putAll(files);
    copy.config = config.deepCopy();
    copy.hfQuantConfig = hfQuantConfig == null ? null : hfQuantConfig.deepCopy();
    return copy;
  }

  /** A JSON object from text with single quotes. */
  static ObjectNode json(String text) {
    return (ObjectNode) JSON.readTree(text.replace('\'', '"'));
  }

  /** {@code quantization_config} of {@code config.json}. */
  ObjectNode inline() {
    return (ObjectNode) config.get("quantization_config");
  }

  /** {@code quantization} of {@code hf_quant_config.json}. */
  ObjectNode nested() {
    return (ObjectNode) hfQuantConfig.get("quantization");
  }

  TestTensor get(String name) {
    TestTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalStateException("no tensor " + name + " among " + tensors.keySet());
    }
    return tensor;
  }

  TestCheckpoint put(String name, TestTensor tensor) {
    tensors.put(name, tensor);
    return this;
  }

  TestCheckpoint remove(String name) {
    get(name);
    tensors.remove(name);
    return this;
  }

  /** Writes one file of weights and everything else. */
  Path write(Path directory) {
    writeSides(directory);
    writeFile(directory.resolve("model.safetensors"), safetensors(tensors, "pt"));
    return directory;
  }

  /** Writes shards of alternating tensors and their index. */
  Path writeShards(Path directory, int shards) {
    writeSides(directory);
    List<Map<String, TestTensor>> parts = new ArrayList<>();
    ObjectNode index = JSON.createObjectNode();
    ObjectNode map = JSON.createObjectNode();
    long bytes = 0;
    int next = 0;
    for (int i = 0; i < shards; i++) {
      parts.add(new TreeMap<>());
    }
    for (Map.Entry<String, TestTensor> entry : tensors.entrySet()) {
      int shard = next++ % shards;
      parts.get(shard).put(entry.getKey(), entry.getValue());
      map.put(entry.getKey(), shardName(shard, shards));
      bytes += entry.getValue().bytes().length;
    }
    index.putObject("metadata").put("total_size", bytes);
    index.set("weight_map", map);
    for (int i = 0; i < shards; i++) {
      writeFile(directory.resolve(shardName(i, shards)), safetensors(parts.get(i), "pt"));
    }
    writeFile(directory.resolve("model.safetensors.index.json"), bytes(index));
    return directory;
  }

  static String shardName(int shard, int shards) {
    return "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards);
  }

  private void writeSides(Path directory) {
    writeFile(directory.resolve("config.json"), bytes(config));
    if (hfQuantConfig != null) {
      writeFile(directory.resolve("hf_quant_config.json"), bytes(hfQuantConfig));
    }
    files.forEach((name, content) -> writeFile(directory.resolve(name), content));
  }

  private static byte[] bytes(ObjectNode node) {
    return node.toString().getBytes(StandardCharsets.UTF_8);
  }

  static void writeFile(Path file, byte[] content) {
    try {
      Files.createDirectories(file.getParent());
      Files.write(file, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] safetensors(Map<String, TestTensor> tensors, String format) {
    ObjectNode header = JSON.createObjectNode();
    if (format != null) {
      header.putObject("__metadata__").put("format", format);
    }
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    tensors.forEach((name, tensor) -> {
      ObjectNode entry = header.putObject(name);
      entry.put("dtype", tensor.dtype().name());
      for (long dim : tensor.dims()) {
        entry.withArray("shape").add(dim);
      }
      if (tensor.dims().length == 0) {
        entry.putArray("shape");
      }
      long begin = data.size();
      data.writeBytes(tensor.bytes());
      entry.putArray("data_offsets").add(begin).add(data.size());
    });
    return safetensors(header.toString(), data.toByteArray());
  }

  static byte[] safetensors(String header, byte[] data) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + text.length + data.length);
    file.order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text).put(data);
    return file.array();
  }
}
