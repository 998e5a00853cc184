package org.modelopt.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

class SafetensorsProperties {
  private Path directory;
  private Path file;

  @BeforeTry
  void makeDirectory() throws IOException {
    directory = Files.createTempDirectory("safetensors");
    file = directory.resolve("model.safetensors");
  }

  @AfterTry
  void removeDirectory() throws IOException {
    Files.deleteIfExists(file);
    Files.delete(directory);
  }

  @Provide
  Arbitrary<String> text() {
    Arbitrary<String> ordinary =
        Arbitraries.strings().withChars("abz.019_").ofMinLength(1).ofMaxLength(12);
    Arbitrary<String> any =
        Arbitraries.strings()
            .withCharRange('\0', '\u00ff')
            .withChars('"', '\\', '/', '\u2028', '\ufeff', '\uffff')
            .ofMaxLength(6);
    Arbitrary<String> points =
        Arbitraries.integers()
            .between(0, Character.MAX_CODE_POINT)
            .filter(point -> point < 0xD800 || point > 0xDFFF)
            .list()
            .ofMaxSize(4)
            .map(list -> list.stream().map(Character::toString).reduce("", String::concat));
    return Arbitraries.oneOf(ordinary, any, points)
        .filter(text -> !text.equals(Header.METADATA_KEY));
  }

  @Provide
  Arbitrary<List<TensorInfo>> tensors() {
    Arbitrary<DType> dtypes = Arbitraries.of(DType.class);
    Arbitrary<List<Long>> dims = Arbitraries.longs().between(0, 5).list().ofMaxSize(4);
    return Combinators.combine(text(), dtypes, dims)
        .as(SafetensorsProperties::info)
        .list()
        .ofMaxSize(8)
        .uniqueElements(TensorInfo::name);
  }

  /** Elements of 4 and 6 bits get a last axis that fills whole bytes. */
  private static TensorInfo info(String name, DType dtype, List<Long> dims) {
    List<Long> all = new ArrayList<>(dims);
    if (dtype.bits() < 8) {
      all.add(4L);
    }
    return new TensorInfo(name, dtype, Shape.of(all.stream().mapToLong(Long::longValue).toArray()));
  }

  @Property(tries = 300)
  void whatIsWrittenIsReadBack(
      @ForAll("tensors") List<TensorInfo> tensors,
      @ForAll("text") String key,
      @ForAll("text") String value,
      @ForAll Random random)
      throws IOException {
    Map<String, String> metadata = Map.of(key, value);
    SafetensorsLayout layout = SafetensorsLayout.of(tensors, metadata);
    Map<String, byte[]> contents = new HashMap<>();
    List<TensorInfo> order = new ArrayList<>(tensors);
    Collections.shuffle(order, random);
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, layout)) {
      for (TensorInfo tensor : order) {
        byte[] content = new byte[Math.toIntExact(tensor.byteSize())];
        random.nextBytes(content);
        contents.put(tensor.name(), content);
        int cut = random.nextInt(content.length + 1);
        MemorySegment segment = MemorySegment.ofArray(content);
        writer.write(tensor.name(), segment.asSlice(0, cut));
        writer.write(tensor.name(), segment.asSlice(cut));
      }
      writer.finish();
    }
    SafetensorsFile read = SafetensorsFile.open(file);
    assertEquals(layout.byteSize(), Files.size(file));
    assertEquals(layout.tensors(), read.storedTensors());
    assertEquals(metadata, read.metadata());
    for (StoredTensor stored : read.storedTensors()) {
      // Wider types come first and every width divides the one before it.
      assertEquals(0, stored.offset() % Math.max(1, stored.info().dtype().bits() / 8));
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment expected = MemorySegment.ofArray(contents.get(stored.info().name()));
        MemorySegment actual = read.open(stored.info().name(), arena).segment();
        assertEquals(expected.byteSize(), actual.byteSize());
        assertEquals(-1, expected.mismatch(actual));
      }
    }
  }

  @Property(tries = 30)
  void everyTruncationIsRefused(@ForAll("tensors") List<TensorInfo> tensors) throws IOException {
    byte[] whole = write(SafetensorsLayout.of(tensors));
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (int length = whole.length - 1; length >= 0; length--) {
        channel.truncate(length);
        assertThrows(CheckpointException.class, () -> SafetensorsFile.open(file));
      }
    }
  }

  @Example
  void everyChangedByteOfAHeaderIsRefusedOrGivesAnotherWholeFile() throws IOException {
    byte[] whole =
        write(
            SafetensorsLayout.of(
                List.of(
                    new TensorInfo("a.b", DType.F32, Shape.of(2, 3)),
                    new TensorInfo("\u00e9", DType.BF16, Shape.of(0)),
                    new TensorInfo("c", DType.U8, Shape.of(10)))));
    int refused = 0;
    int read = 0;
    long headBytes = SafetensorsFile.open(file).storedTensors().getFirst().offset();
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      for (int position = 0; position < headBytes; position++) {
        for (int change = 1; change < 256; change++) {
          put(channel, position, (byte) (whole[position] ^ change));
          try {
            checkWhole(HeaderReader.read(file, channel), whole.length);
            read++;
          } catch (CheckpointException e) {
            refused++;
          }
        }
        put(channel, position, whole[position]);
      }
    }
    assertTrue(refused > read, refused + " refused, " + read + " read");
    assertTrue(read > 0, "a changed letter of a name is another name");
  }

  private static void put(FileChannel channel, long position, byte value) throws IOException {
    channel.write(ByteBuffer.wrap(new byte[] {value}), position);
  }

  private static void checkWhole(Header header, long fileBytes) {
    long position = header.dataStart();
    for (StoredTensor tensor : header.tensors()) {
      assertEquals(position, tensor.offset());
      position = tensor.end();
    }
    assertEquals(fileBytes, position);
  }

  private byte[] write(SafetensorsLayout layout) throws IOException {
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, layout)) {
      for (TensorInfo tensor : writer.tensors()) {
        byte[] content = new byte[Math.toIntExact(tensor.byteSize())];
        writer.write(tensor.name(), MemorySegment.ofArray(content));
      }
      writer.finish();
    }
    return Files.readAllBytes(file);
  }
}
