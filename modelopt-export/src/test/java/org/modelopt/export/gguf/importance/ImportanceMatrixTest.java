package org.modelopt.export.gguf.importance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.DataException;
import org.modelopt.error.ExportException;
import org.modelopt.export.gguf.container.GgufFile;

class ImportanceMatrixTest {
  @TempDir private Path directory;

  private static ImportanceMatrix matrix() {
    SequencedMap<String, ImportanceMatrix.Entry> entries = new LinkedHashMap<>();
    entries.put(
        "blk.0.attn_q.weight", new ImportanceMatrix.Entry(List.of(2f, 4f, 6f), List.of(2f)));
    entries.put(
        "blk.0.ffn_up_exps.weight",
        new ImportanceMatrix.Entry(List.of(3f, 9f, 5f, 5f), List.of(3f, 0f)));
    return new ImportanceMatrix(entries, List.of("novels"), 3, 512);
  }

  @Test
  void theGgufFormComesBack() {
    Path file = directory.resolve("imatrix.gguf");
    matrix().write(file);
    assertEquals(matrix(), ImportanceMatrix.read(file));
    GgufFile gguf = GgufFile.open(file);
    assertEquals("imatrix", gguf.findText("general.type").orElseThrow());
    assertEquals(
        List.of(2L, 2L), gguf.find("blk.0.ffn_up_exps.weight.in_sum2").orElseThrow().extents());
    assertEquals(
        List.of(1L, 2L), gguf.find("blk.0.ffn_up_exps.weight.counts").orElseThrow().extents());
    assertThrows(ExportException.class, () -> matrix().write(file));
  }

  @Test
  void weightsAreMeansAndOneForExpertsWithoutTokens() {
    assertArrayEquals(
        new float[] {1, 2, 3}, matrix().find("blk.0.attn_q.weight").orElseThrow().weights());
    assertArrayEquals(
        new float[] {1, 3, 1, 1},
        matrix().find("blk.0.ffn_up_exps.weight").orElseThrow().weights());
    assertTrue(matrix().find("blk.1.attn_q.weight").isEmpty());
  }

  @Test
  void theOlderFormIsRead() throws IOException {
    ImportanceMatrix read = ImportanceMatrix.read(old(2, 4f, 8f));
    assertArrayEquals(new float[] {2, 4}, read.find("blk.0.attn_q.weight").orElseThrow().weights());
    assertEquals(List.of("novels"), read.datasets());
    assertEquals(7, read.chunks());
    // Without a number of calls the values are means already.
    assertArrayEquals(
        new float[] {4, 8},
        ImportanceMatrix.read(old(0, 4f, 8f)).find("blk.0.attn_q.weight").orElseThrow().weights());
  }

  @Test
  void damagedFilesAreRefused() throws IOException {
    byte[] whole = Files.readAllBytes(old(2, 4f, 8f));
    Path part = directory.resolve("part");
    for (int length : new int[] {0, 3, 10, 30}) {
      Files.write(part, java.util.Arrays.copyOf(whole, length));
      assertThrows(DataException.class, () -> ImportanceMatrix.read(part));
    }
    assertThrows(DataException.class, () -> ImportanceMatrix.read(old(2, Float.NaN, 1)));
    assertThrows(DataException.class, () -> ImportanceMatrix.read(old(2, -1, 1)));
    assertThrows(DataException.class, () -> ImportanceMatrix.read(directory.resolve("none")));
  }

  private Path old(int calls, float... values) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(200).order(ByteOrder.LITTLE_ENDIAN);
    byte[] name = "blk.0.attn_q.weight".getBytes(StandardCharsets.UTF_8);
    bytes.putInt(1).putInt(name.length).put(name).putInt(calls).putInt(values.length);
    for (float value : values) {
      bytes.putFloat(value);
    }
    byte[] dataset = "novels".getBytes(StandardCharsets.UTF_8);
    bytes.putInt(7).putInt(dataset.length).put(dataset);
    byte[] all = new byte[bytes.position()];
    bytes.get(0, all);
    return Files.write(directory.resolve("old.dat"), all);
  }
}
