package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;
import static org.modelopt.safetensors.RawFiles.bytes;
import static org.modelopt.safetensors.RawFiles.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

class SafetensorsCheckpointTest {
  private static final String FIRST = "model-00001-of-00002.safetensors";
  private static final String SECOND = "model-00002-of-00002.safetensors";

  @TempDir Path directory;

  /** A file with one I32 pair of this name. */
  private void shard(String file, String name) {
    RawFiles.write(directory, file, bytes("{" + tensor(name, "I32", "[2]", "[0,8]") + "}", 8));
  }

  private void index(String json) {
    RawFiles.write(directory, SafetensorsCheckpoint.INDEX_FILE, json);
  }

  private void twoShards() {
    shard(FIRST, "b");
    shard(SECOND, "a");
  }

  private static String weightMap(String entries) {
    return "{\"metadata\":{\"total_size\":16},\"weight_map\":{" + entries + "}}";
  }

  private static String both() {
    return weightMap("\"a\":\"" + SECOND + "\",\"b\":\"" + FIRST + "\"");
  }

  private SafetensorsCheckpoint open() {
    return SafetensorsCheckpoint.open(directory);
  }

  private String failure() {
    return assertThrows(CheckpointException.class, this::open).getMessage();
  }

  private static void assertContains(String message, String... parts) {
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void oneFileIsACheckpoint() {
    shard(SafetensorsCheckpoint.SINGLE_FILE, "a");
    assertEquals(List.of(new TensorInfo("a", DType.I32, Shape.of(2))), open().tensors());
    Path file = directory.resolve(SafetensorsCheckpoint.SINGLE_FILE);
    assertEquals(1, SafetensorsCheckpoint.open(file).tensors().size());
  }

  @Test
  void shardsComeInTheOrderOfTheirNames() {
    twoShards();
    index(both());
    SafetensorsCheckpoint checkpoint = open();
    assertEquals(List.of("b", "a"), checkpoint.tensors().stream().map(TensorInfo::name).toList());
    assertEquals(16, checkpoint.byteSize());
    assertEquals(Optional.empty(), checkpoint.find("c"));
    assertEquals(
        directory.resolve(SECOND), checkpoint.fileOf("a").map(SafetensorsFile::path).get());
    try (Arena arena = Arena.ofConfined()) {
      assertArrayEquals(new int[] {0x03020100, 0x07060504}, checkpoint.open("a", arena).toInts());
    }
  }

  @Test
  void anIndexCanBeOpenedByItsOwnName() throws IOException {
    twoShards();
    Path index = Files.writeString(directory.resolve("model.fp16.index.json"), both());
    assertEquals(2, SafetensorsCheckpoint.open(index).tensors().size());
  }

  @Test
  void theIndexCountsWhereASingleFileIsThereToo() {
    twoShards();
    index(both());
    shard(SafetensorsCheckpoint.SINGLE_FILE, "other");
    assertEquals(Optional.empty(), open().find("other"));
  }

  @Test
  void anIndexMayNameTheSingleFile() {
    shard(SafetensorsCheckpoint.SINGLE_FILE, "a");
    index(weightMap("\"a\":\"model.safetensors\""));
    assertEquals(1, open().tensors().size());
  }

  @Test
  void shardsMayBeSymbolicLinksAsInDownloadCaches() throws IOException {
    Path blobs = Files.createDirectory(directory.resolve("blobs"));
    shard("blobs/0123", "a");
    Path snapshot = Files.createDirectory(directory.resolve("snapshot"));
    Files.createSymbolicLink(snapshot.resolve(FIRST), Path.of("../blobs/0123"));
    Files.writeString(
        snapshot.resolve(SafetensorsCheckpoint.INDEX_FILE), weightMap("\"a\":\"" + FIRST + "\""));
    assertEquals(1, SafetensorsCheckpoint.open(snapshot).tensors().size());
    assertTrue(Files.isDirectory(blobs));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"metadata\":{\"total_size\":17},\"weight_map\":{%s}}",
        "{\"metadata\":{\"total_size\":16.0},\"weight_map\":{%s}}",
        "{\"metadata\":{\"total_size\":\"16\",\"more\":[{}]},\"weight_map\":{%s}}",
        "{\"metadata\":{\"total_size\":99999999999999999999},\"weight_map\":{%s}}",
        "{\"metadata\":null,\"weight_map\":{%s}}",
        "{\"weight_map\":{%s},\"more\":{\"x\":1}}"
      })
  void whatTheIndexSaysBesidesItsWeightMapDoesNoHarm(String form) {
    twoShards();
    index(form.formatted("\"a\":\"" + SECOND + "\",\"b\":\"" + FIRST + "\""));
    assertEquals(2, open().tensors().size());
  }

  static Stream<Arguments> malformedIndexes() {
    return Stream.of(
        argumentSet("empty", "", "found the end, expected an object"),
        argumentSet("an array", "[]", "expected an object"),
        argumentSet("cut", "{\"weight_map\":{\"a\":", "is not valid JSON"),
        argumentSet("no weight_map", "{\"metadata\":{}}", "has no weight_map"),
        argumentSet("an empty weight_map", weightMap(""), "names no tensor"),
        argumentSet("a weight_map that is an array", "{\"weight_map\":[]}", "expected an object"),
        argumentSet("a number for a file", weightMap("\"a\":1"), "found 1, expected a string"),
        argumentSet(
            "a tensor twice",
            weightMap("\"a\":\"" + FIRST + "\",\"a\":\"" + SECOND + "\""),
            "Duplicate Object property \"a\""));
  }

  @ParameterizedTest
  @MethodSource("malformedIndexes")
  void malformedIndexesAreRefused(String json, String reason) {
    twoShards();
    index(json);
    assertContains(failure(), SafetensorsCheckpoint.INDEX_FILE, reason);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../secret.safetensors",
        "/etc/passwd",
        "sub/model.safetensors",
        "sub\\\\model.safetensors",
        "C:model.safetensors",
        "..",
        ".",
        "",
        "a\\u0000b"
      })
  void shardsOutsideTheDirectoryAreRefused(String name) {
    index(weightMap("\"a\":\"" + name + "\""));
    assertContains(failure(), "tensor \"a\" is said to be in", "must be a plain file name");
  }

  @Nested
  class Disagreement {
    @Test
    void missingShardsAreListed() {
      index(both());
      shard(FIRST, "b");
      assertContains(failure(), "1 of 2 shards are not there: " + SECOND);
    }

    @Test
    void missingShardsBeyondAFewAreCounted() {
      StringBuilder entries = new StringBuilder();
      for (int i = 1; i <= 9; i++) {
        entries.append(i == 1 ? "" : ",").append("\"t%d\":\"s%d\"".formatted(i, i));
      }
      index(weightMap(entries.toString()));
      assertContains(failure(), "9 of 9 shards are not there: s1, s2, s3, s4, s5 and 4 more");
    }

    @Test
    void aTensorThatIsNotInItsShardIsNamed() {
      twoShards();
      index(weightMap("\"a\":\"" + SECOND + "\",\"c\":\"" + FIRST + "\""));
      assertContains(failure(), "1 tensors are not in the shard it names: \"c\" in " + FIRST);
    }

    @Test
    void aTensorInAnotherShardThanStatedIsNamed() {
      twoShards();
      index(weightMap("\"a\":\"" + FIRST + "\",\"b\":\"" + SECOND + "\""));
      assertContains(failure(), "\"a\" in " + FIRST + ", \"b\" in " + SECOND);
    }

    @Test
    void aTensorThatTheIndexLeavesOutIsNamed() {
      twoShards();
      RawFiles.write(
          directory,
          SECOND,
          bytes(
              "{"
                  + tensor("a", "U8", "[1]", "[0,1]")
                  + ","
                  + tensor("x", "U8", "[1]", "[1,2]")
                  + "}",
              2));
      index(both());
      assertContains(failure(), "not in its weight_map: \"x\" in " + SECOND);
    }

    @Test
    void aTensorInTwoShardsIsNamed() {
      shard(FIRST, "a");
      shard(SECOND, "a");
      index(weightMap("\"a\":\"" + FIRST + "\",\"b\":\"" + SECOND + "\""));
      assertContains(failure(), "tensor \"a\" is in both " + FIRST + " and " + SECOND);
    }

    @Test
    void aMalformedShardIsNamed() {
      twoShards();
      RawFiles.write(directory, SECOND, new byte[3]);
      index(both());
      assertContains(failure(), SECOND + ": has 3 bytes");
    }
  }

  @Nested
  class DirectoryWithoutCheckpoint {
    @Test
    void saysWhatIsMissing() {
      assertContains(failure(), "neither model.safetensors nor model.safetensors.index.json");
    }

    @Test
    void pointsToTheOnlySafetensorsFile() {
      shard("adapter.safetensors", "a");
      assertContains(failure(), "open adapter.safetensors itself");
    }

    @Test
    void saysThatShardsWithoutIndexAreNotEnough() {
      twoShards();
      assertContains(failure(), FIRST + ", " + SECOND + ", but without the index");
    }

    @Test
    void saysThatPicklesMustBeConverted() {
      RawFiles.write(directory, "pytorch_model.bin", new byte[1]);
      assertContains(failure(), "pytorch_model.bin, which must be converted");
    }
  }

  @Test
  void anUnknownTensorIsNamed() {
    shard(SafetensorsCheckpoint.SINGLE_FILE, "a");
    SafetensorsCheckpoint checkpoint = open();
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> checkpoint.open("b", Arena.global()));
    assertEquals(directory + ": there is no tensor \"b\"", e.getMessage());
  }
}
