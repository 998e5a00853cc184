package org.modelopt.export.gguf.container;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
import org.modelopt.error.CheckpointException;
import org.modelopt.error.ExportException;
import org.modelopt.formats.ggml.GgmlType;

/** The rules of the container, each broken once. */
class GgufFileTest {
  private static final GgufTensor FIRST = GgufTensor.of("a.weight", GgmlType.Q8_0, 32, 3);
  private static final GgufTensor SECOND = GgufTensor.of("b", GgmlType.F32, 2);

  @TempDir private Path directory;

  /** Bytes of a header under construction. */
  private static final class Raw {
    private ByteBuffer bytes = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

    static Raw start(long tensors, long entries) {
      return new Raw().i32(0x46554747).i32(3).i64(tensors).i64(entries);
    }

    Raw i32(int value) {
      bytes.putInt(value);
      return this;
    }

    Raw i64(long value) {
      bytes.putLong(value);
      return this;
    }

    Raw text(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      bytes.putLong(utf8.length).put(utf8);
      return this;
    }

    Raw u32(String key, int value) {
      return text(key).i32(4).i32(value);
    }

    Raw tensor(String name, int type, long offset, long... extents) {
      text(name).i32(extents.length);
      for (long extent : extents) {
        i64(extent);
      }
      return i32(type).i64(offset);
    }

    Raw data(int count) {
      bytes.position((bytes.position() + 31) / 32 * 32 + count);
      return this;
    }

    byte[] toBytes() {
      byte[] all = new byte[bytes.position()];
      bytes.get(0, all);
      return all;
    }
  }

  @Test
  void everyKindOfValueAndTheTensorsComeBack() {
    SequencedMap<String, GgufValue> metadata = new LinkedHashMap<>();
    for (ValueType type :
        List.of(
            ValueType.U8,
            ValueType.I8,
            ValueType.U16,
            ValueType.I16,
            ValueType.U32,
            ValueType.I32,
            ValueType.U64,
            ValueType.I64)) {
      metadata.put(type.name(), new GgufValue.Figure(type, 100L));
    }
    metadata.put("negative", new GgufValue.Figure(ValueType.I32, -7L));
    metadata.put("large", GgufValue.u32(4_000_000_000L));
    metadata.put("float", GgufValue.f32(0.1));
    metadata.put("double", new GgufValue.Figure(ValueType.F64, 0.1));
    metadata.put("flag", GgufValue.flag(true));
    metadata.put("text", GgufValue.text("gr\u00fc\u00df dich \ud83d\ude42"));
    metadata.put("texts", GgufValue.texts(List.of("", "a b", "\u0120t")));
    metadata.put("ints", GgufValue.i32s(List.of(1, -2)));
    metadata.put("floats", GgufValue.f32s(List.of(1.5f)));
    metadata.put("empty", GgufValue.texts(List.of()));
    Path file = directory.resolve("x.gguf");
    byte[] blocks = new byte[102];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = (byte) i;
    }
    GgufLayout layout = GgufLayout.of(metadata, List.of(FIRST, SECOND));
    try (GgufWriter writer = GgufWriter.create(file, layout)) {
      writer.write(SECOND, 0, MemorySegment.ofArray(new byte[] {0, 0, -128, 63, 0, 0, 0, 64}));
      writer.write(FIRST, 34, MemorySegment.ofArray(blocks).asSlice(34));
      writer.write(FIRST, 0, MemorySegment.ofArray(blocks).asSlice(0, 34));
      writer.finish();
    }
    GgufFile read = GgufFile.open(file);
    assertEquals(metadata, read.metadata());
    assertEquals(List.copyOf(metadata.keySet()), List.copyOf(read.metadata().keySet()));
    assertEquals(List.of(FIRST, SECOND), read.tensors());
    assertEquals(0, read.position(FIRST) % 32);
    assertEquals(read.position(FIRST) + 128, read.position(SECOND));
    assertEquals(0, read.fileBytes() % 32);
    assertEquals(layout.fileBytes(), read.fileBytes());
    try (Arena arena = Arena.ofConfined()) {
      assertArrayEquals(blocks, read.open(FIRST, arena).toArray(ValueLayout.JAVA_BYTE));
      assertEquals(1f, read.open(SECOND, arena).get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0));
    }
  }

  @Test
  void anIncompleteFileIsNotLeftBehind() {
    Path file = directory.resolve("x.gguf");
    GgufLayout layout = GgufLayout.of(new LinkedHashMap<>(), List.of(SECOND));
    try (GgufWriter writer = GgufWriter.create(file, layout)) {
      writer.write(SECOND, 0, MemorySegment.ofArray(new byte[4]));
      assertThrows(IllegalStateException.class, writer::finish);
      assertThrows(
          IllegalArgumentException.class,
          () -> writer.write(SECOND, 4, MemorySegment.ofArray(new byte[8])));
    }
    assertFalse(Files.exists(file));
  }

  @Test
  void nothingIsOverwritten() throws IOException {
    Path file = Files.createFile(directory.resolve("x.gguf"));
    GgufLayout layout = GgufLayout.of(new LinkedHashMap<>(), List.of());
    assertThrows(ExportException.class, () -> GgufWriter.create(file, layout));
    assertTrue(Files.exists(file));
  }

  @Test
  void layoutsThatNoReaderTakesAreRefused() {
    List<List<GgufTensor>> bad =
        List.of(
            List.of(GgufTensor.of("n".repeat(64), GgmlType.F32, 1)),
            List.of(GgufTensor.of("", GgmlType.F32, 1)),
            List.of(SECOND, SECOND),
            List.of(GgufTensor.of("a", GgmlType.F32, 1, 1, 1, 1, 1)),
            List.of(GgufTensor.of("a", GgmlType.Q4_K, 128, 2)));
    for (List<GgufTensor> tensors : bad) {
      assertThrows(
          IllegalArgumentException.class, () -> GgufLayout.of(new LinkedHashMap<>(), tensors));
    }
    SequencedMap<String, GgufValue> alignment = new LinkedHashMap<>();
    alignment.put("general.alignment", GgufValue.u32(64));
    assertThrows(IllegalArgumentException.class, () -> GgufLayout.of(alignment, List.of()));
  }

  @Test
  void aPlainFileIsRead() throws IOException {
    GgufFile file =
        open(Raw.start(2, 1).u32("k", 7).tensor("a", 0, 0, 3).tensor("b", 1, 32, 2, 2).data(40));
    assertEquals(7, file.findU32("k").orElseThrow());
    assertEquals(List.of(2L, 2L), file.find("b").orElseThrow().extents());
  }

  @Test
  void anotherAlignmentIsFollowed() throws IOException {
    GgufFile file =
        open(
            Raw.start(2, 1)
                .u32("general.alignment", 64)
                .tensor("a", 0, 0, 3)
                .tensor("b", 0, 64, 3)
                .data(200));
    assertEquals(64, file.alignment());
    assertEquals(0, file.position(file.find("a").orElseThrow()) % 64);
  }

  @Test
  void whatIsNoGgufFileIsSaidToBeNone() {
    refused("does not begin with GGUF", new Raw().i32(0x12345678).i64(0));
    refused("version 1", new Raw().i32(0x46554747).i32(1).i64(0).i64(0));
    refused("big-endian", new Raw().i32(0x46554747).i32(3 << 24).i64(0).i64(0));
  }

  @Test
  void countsBeyondTheFileAreRefused() {
    refused("no room", Raw.start(-1, 0));
    refused("no room", Raw.start(1L << 40, 0));
    refused("no room", Raw.start(0, 1L << 40));
    refused("no room", Raw.start(0, 1).text("k").i32(9).i32(5).i64(1L << 31));
  }

  @Test
  void brokenKeysAreRefused() {
    refused("is empty", Raw.start(0, 1).u32("", 1));
    refused("twice", Raw.start(0, 2).u32("k", 1).u32("k", 2));
    refused("does not exist", Raw.start(0, 1).text("k").i32(13).i32(0));
    refused("array of arrays", Raw.start(0, 1).text("k").i32(9).i32(9).i64(0).i64(0));
    refused("length", Raw.start(0, 1).i64(1L << 31).i64(0));
    refused("ends within", Raw.start(0, 1).text("key").i32(12).i32(0));
    refused("not UTF-8", Raw.start(0, 1).i64(1).i32(0xFF).i64(0).i64(0));
  }

  @Test
  void brokenAlignmentsAreRefused() {
    refused("power of two", Raw.start(0, 1).u32("general.alignment", 48).data(0));
    refused("power of two", Raw.start(0, 1).u32("general.alignment", 0).data(0));
    refused("power of two", Raw.start(0, 1).text("general.alignment").i32(5).i32(32).data(0));
  }

  @Test
  void brokenTensorsAreRefused() {
    refused("64 bytes", Raw.start(1, 0).tensor("n".repeat(64), 0, 0, 1).data(4));
    refused("twice", Raw.start(2, 0).tensor("a", 0, 0, 1).tensor("a", 0, 32, 1).data(64));
    refused("5 extents", Raw.start(1, 0).tensor("a", 0, 0, 1, 1, 1, 1, 1).data(4));
    refused("extent -1", Raw.start(1, 0).tensor("a", 0, 0, -1).data(4));
    refused("extent", Raw.start(1, 0).tensor("a", 0, 0, 1L << 40, 1L << 40).data(4));
    refused("blocks of Q8_0", Raw.start(1, 0).tensor("a", 8, 0, 33).data(68));
    for (int type : new int[] {4, 5, 31, 43, -1}) {
      refused("type " + type, Raw.start(1, 0).tensor("a", type, 0, 32).data(128));
    }
  }

  @Test
  void dataMustFollowWithoutGapsInOrderAndWithinTheFile() {
    refused("offset 64", Raw.start(2, 0).tensor("a", 0, 0, 1).tensor("b", 0, 64, 1).data(96));
    refused("offset 0", Raw.start(2, 0).tensor("a", 0, 0, 1).tensor("b", 0, 0, 1).data(64));
    refused("offset 32", Raw.start(2, 0).tensor("a", 0, 32, 1).tensor("b", 0, 0, 1).data(64));
    refused("incomplete", Raw.start(1, 0).tensor("a", 0, 0, 16).data(63));
  }

  @Test
  void everyTruncationOfAHeaderIsRefused() throws IOException {
    byte[] whole =
        Raw.start(1, 2)
            .u32("k", 1)
            .text("t")
            .i32(8)
            .text("value")
            .tensor("a", 0, 0, 2)
            .data(8)
            .toBytes();
    assertTrue(open(whole).find("a").isPresent());
    for (int length = 0; length < whole.length; length++) {
      byte[] part = java.util.Arrays.copyOf(whole, length);
      assertThrows(CheckpointException.class, () -> open(part), "of " + length + " bytes");
    }
  }

  private void refused(String reason, Raw raw) {
    CheckpointException e = assertThrows(CheckpointException.class, () -> open(raw));
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertTrue(e.getMessage().contains("x.gguf"), e.getMessage());
  }

  private GgufFile open(Raw raw) throws IOException {
    return open(raw.toBytes());
  }

  private GgufFile open(byte[] bytes) throws IOException {
    return GgufFile.open(Files.write(directory.resolve("x.gguf"), bytes));
  }
}
