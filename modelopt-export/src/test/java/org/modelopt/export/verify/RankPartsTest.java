package org.modelopt.export.verify;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.export.trtllm.TensorRtLlmTarget;
import org.modelopt.export.write.TargetExport;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.models.pocket.PocketModel;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * The files of ranks put together are the tensors of one rank: heads that share keys and values,
 * also on more ranks than there are of those, block scales, stages of the pipeline, and a
 * vocabulary that the ranks do not divide.
 */
class RankPartsTest {
  private static final int LAYERS = 4;
  private static final int HEADS = 4;
  private static final int KEY_VALUE_HEADS = 2;
  private static final int VOCABULARY = 2046;

  @TempDir private static Path directory;
  private static final Map<String, QuantizedModel> QUANTIZED = new LinkedHashMap<>();
  private static HfModel model;

  @BeforeAll
  static void quantize() {
    Path pocket = PocketModel.extract(directory.resolve("pocket"));
    TestCheckpoint shorter = new TestCheckpoint();
    SafetensorsFile file = SafetensorsFile.open(pocket.resolve("model.safetensors"));
    for (TensorInfo info : file.tensors()) {
      byte[] content = bytes(file, info.name());
      long[] dims = info.shape().dims().stream().mapToLong(Long::longValue).toArray();
      if (info.name().equals("model.embed_tokens.weight")) {
        content = Arrays.copyOf(content, content.length / (int) dims[0] * VOCABULARY);
        dims[0] = VOCABULARY;
      }
      shorter.put(info.name(), TestTensor.bytes(info.dtype(), dims, content));
    }
    shorter.config =
        (tools.jackson.databind.node.ObjectNode)
            TestCheckpoint.JSON.readTree(pocket.resolve("config.json").toFile());
    shorter.config.put("vocab_size", VOCABULARY);
    model = Models.load(shorter.write(directory.resolve("shorter")));
    CalibrationData data =
        CalibrationData.of(List.of(Tensor.ofInts(Arena.ofAuto(), Shape.of(4), 0, 11, 222, 1333)));
    List<Config> configs = List.of(Config.FP8_DEFAULT, Config.NVFP4_DEFAULT, Config.INT8_DEFAULT);
    for (QuantizedModel one : ModelOpt.quantize(model, configs, data, JobOptions.defaults())) {
      QUANTIZED.put(one.config().name(), one);
      export(one, 1, 1);
    }
  }

  private static Path path(QuantizedModel quantized, int tensor, int pipeline) {
    return directory.resolve(quantized.config().name() + "-" + tensor + "-" + pipeline);
  }

  private static Path export(QuantizedModel quantized, int tensor, int pipeline) {
    Path path = path(quantized, tensor, pipeline);
    TargetExport.of(quantized, new TensorRtLlmTarget(tensor, pipeline)).to(path);
    return path;
  }

  private static byte[] bytes(SafetensorsFile file, String name) {
    try (Arena arena = Arena.ofConfined()) {
      return file.open(name, arena).segment().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "FP8_DEFAULT,   1, 2", "FP8_DEFAULT,   2, 1", "FP8_DEFAULT,   4, 2",
    "NVFP4_DEFAULT, 1, 2", "NVFP4_DEFAULT, 2, 2", "NVFP4_DEFAULT, 4, 1",
    "INT8_DEFAULT,  2, 1", "INT8_DEFAULT,  4, 1"
  })
  void partsMakeTheWhole(String config, int tensor, int pipeline) {
    QuantizedModel quantized = QUANTIZED.get(config);
    SafetensorsFile whole =
        SafetensorsFile.open(path(quantized, 1, 1).resolve("rank0.safetensors"));
    Path parts = export(quantized, tensor, pipeline);
    List<SafetensorsFile> ranks = new ArrayList<>();
    for (int r = 0; r < tensor * pipeline; r++) {
      ranks.add(SafetensorsFile.open(parts.resolve("rank" + r + ".safetensors")));
    }
    int compared = 0;
    for (TensorInfo info : whole.tensors()) {
      String name = info.name();
      int stage = stage(name, pipeline);
      String local = local(name, LAYERS / pipeline);
      List<SafetensorsFile> owners =
          name.equals("transformer.vocab_embedding.weight")
              ? ranks.subList(0, tensor)
              : ranks.subList(stage * tensor, (stage + 1) * tensor);
      for (SafetensorsFile other : ranks) {
        boolean owner = owners.contains(other);
        boolean sameLocal = name.contains(".layers.");
        assertTrue(owner == other.find(local).isPresent() || sameLocal, () -> name);
      }
      byte[] expected = bytes(whole, name);
      byte[] found = joined(owners, local, info, expected.length);
      assertArrayEquals(expected, found, name);
      compared++;
    }
    assertEquals(whole.tensors().size(), compared);
  }

  private static int stage(String name, int pipeline) {
    if (!name.contains(".layers.")) {
      return pipeline - 1;
    }
    return Integer.parseInt(name.split("\\.", -1)[2]) / (LAYERS / pipeline);
  }

  private static String local(String name, int layersOfStage) {
    if (!name.contains(".layers.")) {
      return name;
    }
    String[] words = name.split("\\.", 4);
    int layer = Integer.parseInt(words[2]) % layersOfStage;
    return words[0] + "." + words[1] + "." + layer + "." + words[3];
  }

  private static byte[] joined(
      List<SafetensorsFile> ranks, String name, TensorInfo whole, int length) {
    List<byte[]> parts = ranks.stream().map(file -> bytes(file, name)).toList();
    boolean vocabulary = name.startsWith("lm_head") || name.contains("vocab_embedding");
    if (vocabulary) {
      byte[] all = concatenated(parts);
      for (int i = length; i < all.length; i++) {
        assertEquals(0, all[i], "padding of " + name);
      }
      assertTrue(ranks.size() < 4 || all.length > length, "4 does not divide the vocabulary");
      return Arrays.copyOf(all, length);
    }
    boolean split = name.contains(".attention.") || name.contains(".mlp.");
    if (!split || whole.shape().elements() == 1) {
      parts.forEach(part -> assertArrayEquals(parts.getFirst(), part, name));
      return parts.getFirst();
    }
    boolean byColumn = name.contains(".dense.") || name.contains(".proj.");
    if (byColumn && whole.shape().rank() == 1) {
      parts.forEach(part -> assertArrayEquals(parts.getFirst(), part, name));
      return parts.getFirst(); // scales of rows, where columns are split
    }
    if (byColumn) {
      return besideEachOther(parts, (int) whole.shape().dim(0));
    }
    return name.contains(".qkv.")
        ? heads(parts, (int) whole.shape().dim(0), length)
        : concatenated(parts);
  }

  private static byte[] concatenated(List<byte[]> parts) {
    byte[] all = new byte[parts.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  private static byte[] besideEachOther(List<byte[]> parts, int rows) {
    byte[] all = new byte[parts.stream().mapToInt(part -> part.length).sum()];
    int at = 0;
    for (int row = 0; row < rows; row++) {
      for (byte[] part : parts) {
        int width = part.length / rows;
        System.arraycopy(part, row * width, all, at, width);
        at += width;
      }
    }
    return all;
  }

  /** Each part has its query heads, then its key heads, then its value heads. */
  private static byte[] heads(List<byte[]> parts, int rows, int length) {
    int head = length / (HEADS + 2 * KEY_VALUE_HEADS);
    assertEquals(0, rows % (HEADS + 2 * KEY_VALUE_HEADS));
    int ranks = parts.size();
    int queries = HEADS / ranks;
    int keys = Math.max(1, KEY_VALUE_HEADS / ranks);
    byte[] all = new byte[length];
    boolean[] seen = new boolean[HEADS + 2 * KEY_VALUE_HEADS];
    for (int r = 0; r < ranks; r++) {
      byte[] part = parts.get(r);
      assertEquals((queries + 2 * keys) * head, part.length);
      int firstKey = r * KEY_VALUE_HEADS / ranks;
      for (int i = 0; i < queries; i++) {
        place(part, i, all, r * queries + i, head, seen, false);
      }
      for (int i = 0; i < keys; i++) {
        boolean again = ranks > KEY_VALUE_HEADS;
        place(part, queries + i, all, HEADS + firstKey + i, head, seen, again);
        place(
            part,
            queries + keys + i,
            all,
            HEADS + KEY_VALUE_HEADS + firstKey + i,
            head,
            seen,
            again);
      }
    }
    for (boolean one : seen) {
      assertTrue(one);
    }
    return all;
  }

  private static void place(
      byte[] part, int from, byte[] all, int to, int head, boolean[] seen, boolean again) {
    byte[] rows = Arrays.copyOfRange(part, from * head, (from + 1) * head);
    if (seen[to]) {
      assertTrue(again, "a head is on two ranks");
      assertArrayEquals(Arrays.copyOfRange(all, to * head, (to + 1) * head), rows, "a copied head");
    }
    assertFalse(seen[to] && !again);
    seen[to] = true;
    System.arraycopy(rows, 0, all, to * head, head);
  }
}
