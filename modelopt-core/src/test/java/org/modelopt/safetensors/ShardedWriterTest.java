package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.ExportException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

class ShardedWriterTest {
  private static final int TENSORS = 20;

  private static final List<TensorInfo> INFOS =
      IntStream.range(0, TENSORS)
          .mapToObj(i -> new TensorInfo("t" + i, i % 2 == 0 ? DType.F32 : DType.BF16, Shape.of(64)))
          .toList();

  private static final ShardPlan PLAN = ShardPlan.of(INFOS, 1000);

  @TempDir Path directory;

  private static MemorySegment content(TensorInfo info) {
    byte[] bytes = new byte[Math.toIntExact(info.byteSize())];
    Arrays.fill(bytes, (byte) (1 + INFOS.indexOf(info)));
    return MemorySegment.ofArray(bytes);
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static void writeAll(Path directory, List<TensorInfo> order) {
    try (ShardedWriter writer = ShardedWriter.create(directory, PLAN)) {
      order.forEach(info -> writer.write(info.name(), content(info)));
      writer.finish();
    }
  }

  @Test
  void whatWasWrittenIsACheckpoint() {
    writeAll(directory, INFOS);
    SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(directory);
    assertEquals(PLAN.shards().size(), checkpoint.files().size());
    assertTrue(checkpoint.files().size() > 2);
    for (TensorInfo info : INFOS) {
      assertEquals(Optional.of(info), checkpoint.find(info.name()));
      try (Arena arena = Arena.ofConfined()) {
        assertEquals(-1, content(info).mismatch(checkpoint.open(info.name(), arena).segment()));
      }
    }
  }

  @Test
  void threadsAndOrderDoNotChangeTheBytes() throws Exception {
    Path inOrder = Files.createDirectory(directory.resolve("in-order"));
    Path inThreads = Files.createDirectory(directory.resolve("in-threads"));
    writeAll(inOrder, INFOS);
    try (ShardedWriter writer = ShardedWriter.create(inThreads, PLAN);
        ExecutorService pool = Executors.newFixedThreadPool(4)) {
      List<Callable<Void>> tasks = new ArrayList<>();
      for (TensorInfo info : INFOS.reversed()) {
        tasks.add(() -> {
          writer.write(info.name(), content(info));
          return null;
        });
      }
      for (Future<Void> result : pool.invokeAll(tasks)) {
        result.get();
      }
      writer.finish();
    }
    assertEquals(names(inOrder), names(inThreads));
    for (String name : names(inOrder)) {
      assertArrayEquals(
          Files.readAllBytes(inOrder.resolve(name)), Files.readAllBytes(inThreads.resolve(name)));
    }
  }

  @Test
  void aShardOfEmptyTensorsIsWrittenToo() throws IOException {
    List<TensorInfo> infos = List.of(new TensorInfo("empty", DType.F32, Shape.of(0)));
    try (ShardedWriter writer = ShardedWriter.create(directory, ShardPlan.of(infos, 10))) {
      writer.finish();
    }
    assertEquals(List.of("model.safetensors"), names(directory));
    assertEquals(infos, SafetensorsCheckpoint.open(directory).tensors());
  }

  @Test
  void closingBeforeTheEndRemovesEverything() throws IOException {
    try (ShardedWriter writer = ShardedWriter.create(directory, PLAN)) {
      for (TensorInfo info : INFOS.subList(1, TENSORS)) {
        writer.write(info.name(), content(info));
      }
      assertTrue(names(directory).size() > 2);
      assertThrows(IllegalStateException.class, writer::finish);
    }
    assertEquals(List.of(), names(directory));
  }

  @Test
  void filesThatExistAreNeitherOverwrittenNorRemoved() throws IOException {
    Path file = directory.resolve(PLAN.shards().getFirst().fileName());
    Files.writeString(file, "mine");
    try (ShardedWriter writer = ShardedWriter.create(directory, PLAN)) {
      assertThrows(ExportException.class, () -> writer.write("t0", content(INFOS.getFirst())));
    }
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void askingForATensorMakesNoFile() throws IOException {
    try (ShardedWriter writer = ShardedWriter.create(directory, PLAN)) {
      assertEquals(Optional.of(INFOS.getFirst()), writer.find("t0"));
      assertEquals(TENSORS, writer.tensors().size());
      assertThrows(
          IllegalArgumentException.class, () -> writer.write("x", content(INFOS.getFirst())));
      assertEquals(List.of(), names(directory));
    }
  }
}
