package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.error.ExportException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

class SafetensorsWriterTest {
  private static final SafetensorsLayout LAYOUT =
      SafetensorsLayout.of(
          List.of(
              new TensorInfo("scale", DType.F32, Shape.of(2)),
              new TensorInfo("weight", DType.U8, Shape.of(2, 3)),
              new TensorInfo("empty", DType.U8, Shape.of(0))));

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void chooseAFile() {
    file = directory.resolve("model.safetensors");
  }

  private static MemorySegment bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return MemorySegment.ofArray(bytes);
  }

  private static MemorySegment floats(float... values) {
    return MemorySegment.ofArray(values);
  }

  private byte[] writeInOrder() throws IOException {
    Path other = directory.resolve("other.safetensors");
    try (SafetensorsWriter writer = SafetensorsWriter.create(other, LAYOUT)) {
      writer.write("scale", floats(1, 2));
      writer.write("weight", bytes(1, 2, 3, 4, 5, 6));
      writer.finish();
    }
    return Files.readAllBytes(other);
  }

  @Test
  void theFileDoesNotDependOnOrderAndPieces() throws IOException {
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, LAYOUT)) {
      writer.write("weight", bytes(1, 2));
      writer.write("scale", floats(1));
      writer.write("empty", bytes());
      writer.write("weight", bytes(3, 4, 5, 6));
      writer.write("scale", floats(2));
      writer.finish();
    }
    assertArrayEquals(writeInOrder(), Files.readAllBytes(file));
    SafetensorsFile read = SafetensorsFile.open(file);
    assertEquals(LAYOUT.tensors(), read.storedTensors());
    assertEquals(SafetensorsLayout.PYTORCH_METADATA, read.metadata());
    try (Arena arena = Arena.ofConfined()) {
      assertArrayEquals(new float[] {1, 2}, read.open("scale", arena).toFloats());
      assertArrayEquals(
          new byte[] {1, 2, 3, 4, 5, 6},
          read.open("weight", arena).segment().toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void piecesLargerThanOneChunkAreWrittenWhole() throws IOException {
    byte[] content = new byte[(9 << 20) + 3];
    new Random(7).nextBytes(content);
    SafetensorsLayout layout =
        SafetensorsLayout.of(
            List.of(
                new TensorInfo("heap", DType.U8, Shape.of(content.length)),
                new TensorInfo("native", DType.U8, Shape.of(content.length))));
    try (Arena arena = Arena.ofConfined();
        SafetensorsWriter writer = SafetensorsWriter.create(file, layout)) {
      writer.write("heap", MemorySegment.ofArray(content));
      MemorySegment copy = arena.allocate(content.length);
      writer.write("native", copy.copyFrom(MemorySegment.ofArray(content)));
      writer.finish();
    }
    SafetensorsFile read = SafetensorsFile.open(file);
    for (TensorInfo info : read.tensors()) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment stored = read.open(info.name(), arena).segment();
        assertEquals(-1, stored.mismatch(MemorySegment.ofArray(content)));
      }
    }
  }

  @Test
  void aWholeTensorMustBeOfTheDeclaredTypeAndShape() {
    try (Arena arena = Arena.ofConfined();
        SafetensorsWriter writer = SafetensorsWriter.create(file, LAYOUT)) {
      Tensor turned = Tensor.allocate(arena, DType.U8, Shape.of(3, 2));
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> writer.write("weight", turned));
      assertEquals("weight was declared as U8 [2, 3], not U8 [3, 2]", e.getMessage());
      Tensor signed = Tensor.allocate(arena, DType.I8, Shape.of(2, 3));
      assertThrows(IllegalArgumentException.class, () -> writer.write("weight", signed));
      assertThrows(IllegalArgumentException.class, () -> writer.write("unknown", signed));
      writer.write("weight", turned.reshape(Shape.of(2, 3)));
    }
  }

  @Test
  void tooManyBytesAreRefused() {
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, LAYOUT)) {
      writer.write("weight", bytes(1, 2, 3, 4, 5));
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> writer.write("weight", bytes(6, 7)));
      assertTrue(e.getMessage().endsWith("has room for 1 more bytes but got 2"), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> writer.write("empty", bytes(1)));
      assertThrows(IllegalArgumentException.class, () -> writer.write("unknown", bytes(1)));
    }
  }

  @Test
  void anIncompleteFileIsNotFinishedAndIsRemoved() {
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, LAYOUT)) {
      writer.write("scale", floats(1, 2));
      writer.write("weight", bytes(1));
      IllegalStateException e = assertThrows(IllegalStateException.class, writer::finish);
      assertTrue(
          e.getMessage().contains("5 of ") && e.getMessage().contains("\"weight\" (has 1 of 6)"),
          e.getMessage());
      assertTrue(Files.exists(file));
    }
    assertFalse(Files.exists(file));
  }

  @Test
  void anExistingFileIsNotTouched() throws IOException {
    Files.writeString(file, "mine");
    ExportException e =
        assertThrows(ExportException.class, () -> SafetensorsWriter.create(file, LAYOUT));
    assertEquals(file + ": exists already and is not overwritten", e.getMessage());
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void aMissingDirectoryIsNamed() {
    Path lost = directory.resolve("lost/model.safetensors");
    ExportException e =
        assertThrows(ExportException.class, () -> SafetensorsWriter.create(lost, LAYOUT));
    assertTrue(e.getMessage().startsWith(lost + ": cannot be written"), e.getMessage());
  }

  @Test
  void aFullDiskIsCalledAFullDisk() throws IOException {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.exists(full), "a device that is always full");
    Files.createFile(file);
    FileChannel channel = FileChannel.open(full, StandardOpenOption.WRITE);
    ExportException e =
        assertThrows(ExportException.class, () -> new SafetensorsWriter(file, LAYOUT, channel));
    assertTrue(
        e.getMessage()
            .startsWith(file + ": the disk is full: " + LAYOUT.byteSize() + " more bytes"),
        e.getMessage());
    assertFalse(Files.exists(file), "what was written of the file is removed");
    assertFalse(channel.isOpen());
  }
}
