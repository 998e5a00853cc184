package org.modelopt.export.gguf.container;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.modelopt.error.CheckpointException;
import org.modelopt.formats.ggml.GgmlType;

/** Reads a header and holds it against every rule of the format. */
final class GgufReader {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** A tensor description has at least a name's length, a count, an extent, a type, an offset. */
  private static final int LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

  private static final int LEAST_ENTRY_BYTES = 8 + 4 + 1;

  private final Path path;
  private final MemorySegment bytes;
  private long at;

  GgufReader(Path path, MemorySegment bytes) {
    this.path = path;
    this.bytes = bytes;
  }

  GgufFile read() {
    if (bytes.byteSize() < 4 || i32("the magic") != GgufLimits.MAGIC) {
      throw new CheckpointException(path + ": is no GGUF file: it does not begin with GGUF");
    }
    int version = i32("the version");
    if ((version & 0xFFFF) == 0) {
      throw failure(4, "is big-endian, which is not read; convert it on the machine it is from");
    }
    if (version != 2 && version != GgufLimits.VERSION) {
      throw failure(4, "has version %d; versions 2 and 3 are read".formatted(version));
    }
    long tensorCount = count("number of tensors", LEAST_TENSOR_BYTES);
    long entryCount = count("number of metadata entries", LEAST_ENTRY_BYTES);
    LinkedHashMap<String, GgufValue> metadata = new LinkedHashMap<>();
    for (long i = 0; i < entryCount; i++) {
      long start = at;
      String key = text("key " + i);
      if (key.isEmpty()) {
        throw failure(start, "key %d is empty".formatted(i));
      }
      GgufValue value = value(type("the type of " + key), key);
      if (metadata.put(key, value) != null) {
        throw failure(start, "key %s is there twice".formatted(key));
      }
    }
    int alignment = alignment(metadata);
    List<GgufTensor> tensors = new ArrayList<>();
    List<Long> offsets = new ArrayList<>();
    Map<String, Boolean> names = new LinkedHashMap<>();
    for (long i = 0; i < tensorCount; i++) {
      tensor(i, names, tensors, offsets);
    }
    return new GgufFile(
        path, metadata, place(tensors, offsets, alignment), alignment, bytes.byteSize());
  }

  private int alignment(Map<String, GgufValue> metadata) {
    GgufValue value = metadata.get(GgufLimits.ALIGNMENT_KEY);
    if (value == null) {
      return GgufLimits.ALIGNMENT;
    }
    if (value instanceof GgufValue.Figure figure && figure.type() == ValueType.U32) {
      long alignment = figure.value().longValue();
      if (alignment > 0 && alignment <= 1 << 30 && Long.bitCount(alignment) == 1) {
        return (int) alignment;
      }
    }
    throw new CheckpointException(
        "%s: %s must be a power of two of type U32 but is %s"
            .formatted(path, GgufLimits.ALIGNMENT_KEY, value));
  }

  private void tensor(
      long index, Map<String, Boolean> names, List<GgufTensor> tensors, List<Long> offsets) {
    long start = at;
    String name = text("the name of tensor " + index);
    int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (nameBytes > GgufLimits.NAME_BYTES) {
      throw failure(
          start,
          "tensor name \"%s\" has %d bytes; at most %d are read"
              .formatted(name, nameBytes, GgufLimits.NAME_BYTES));
    }
    if (names.put(name, true) != null) {
      throw failure(start, "tensor %s is there twice".formatted(name));
    }
    int dimensions = i32("the number of extents of " + name);
    if (dimensions < 0 || dimensions > GgufLimits.DIMENSIONS) {
      throw failure(
          at - 4,
          "%s has %d extents; at most %d are read"
              .formatted(name, dimensions, GgufLimits.DIMENSIONS));
    }
    List<Long> extents = new ArrayList<>();
    long product = 1;
    for (int i = 0; i < dimensions; i++) {
      long extent = i64("an extent of " + name);
      if (extent < 0 || (extent > 0 && Math.max(product, 1) > Long.MAX_VALUE / extent)) {
        throw failure(at - 8, "%s has extent %d after %s".formatted(name, extent, extents));
      }
      product *= extent;
      extents.add(extent);
    }
    int id = i32("the type of " + name);
    GgmlType type =
        GgmlType.ofId(id)
            .orElseThrow(() ->
                failure(
                    at - 4,
                    "%s has type %d, which does not exist or was removed".formatted(name, id)));
    GgufTensor tensor = new GgufTensor(name, type, extents);
    if (tensor.columns() % type.blockElements() != 0) {
      throw failure(
          start,
          "%s: rows of %d elements are no whole number of blocks of %s, which have %d"
              .formatted(name, tensor.columns(), type, type.blockElements()));
    }
    tensors.add(tensor);
    offsets.add(i64("the offset of " + name));
  }

  /** Offsets must be the running sum of padded sizes, and the data within the file. */
  private List<GgufFile.Placed> place(List<GgufTensor> tensors, List<Long> offsets, int alignment) {
    List<GgufFile.Placed> placed = new ArrayList<>();
    long start = GgufLimits.padded(at, alignment);
    long expected = 0;
    for (int i = 0; i < tensors.size(); i++) {
      GgufTensor tensor = tensors.get(i);
      long offset = offsets.get(i);
      if (offset != expected) {
        throw new CheckpointException(
            "%s: %s begins at offset %d of the data where %d is the end of the tensor before it"
                .formatted(path, tensor.name(), offset, expected));
      }
      long end;
      try {
        end = Math.addExact(start + offset, tensor.byteSize());
        expected = Math.addExact(offset, GgufLimits.padded(tensor.byteSize(), alignment));
      } catch (ArithmeticException e) {
        throw new CheckpointException(path + ": " + tensor.name() + " is too large", e);
      }
      if (end > bytes.byteSize()) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: %s ends at byte %,d but the file has %,d; it is incomplete",
                path,
                tensor.name(),
                end,
                bytes.byteSize()));
      }
      placed.add(new GgufFile.Placed(tensor, start + offset));
    }
    return placed;
  }

  private GgufValue value(ValueType type, String key) {
    return switch (type) {
      case STRING -> new GgufValue.Text(text(key));
      case BOOL -> new GgufValue.Flag(take(1, key).get(ValueLayout.JAVA_BYTE, 0) != 0);
      case ARRAY -> items(key);
      default -> figure(type, take(type.leastBytes(), key));
    };
  }

  private GgufValue items(String key) {
    long start = at;
    ValueType element = type("the element type of " + key);
    if (element == ValueType.ARRAY) {
      throw failure(start, key + " is an array of arrays, which is not read");
    }
    long count = count("number of elements of " + key, element.leastBytes());
    if (count > GgufLimits.LENGTH) {
      throw failure(start, "%s has %d elements; at most 2^30 are read".formatted(key, count));
    }
    List<GgufValue> values = new ArrayList<>((int) count);
    for (long i = 0; i < count; i++) {
      values.add(value(element, key));
    }
    return new GgufValue.Items(element, values);
  }

  private static GgufValue figure(ValueType type, MemorySegment bytes) {
    Number value =
        switch (type) {
          case U8 -> bytes.get(ValueLayout.JAVA_BYTE, 0) & 0xFFL;
          case I8 -> (long) bytes.get(ValueLayout.JAVA_BYTE, 0);
          case U16 -> bytes.get(SHORT, 0) & 0xFFFFL;
          case I16 -> (long) bytes.get(SHORT, 0);
          case U32 -> bytes.get(INT, 0) & 0xFFFF_FFFFL;
          case I32 -> (long) bytes.get(INT, 0);
          case F32 -> (double) Float.intBitsToFloat(bytes.get(INT, 0));
          case F64 -> Double.longBitsToDouble(bytes.get(LONG, 0));
          case U64, I64 -> bytes.get(LONG, 0);
          case BOOL, STRING, ARRAY -> throw new IllegalStateException(type + " is no number");
        };
    return new GgufValue.Figure(type, value);
  }

  private ValueType type(String what) {
    int id = i32(what);
    return ValueType.ofId(id)
        .orElseThrow(() -> failure(at - 4, "%s is %d, which does not exist".formatted(what, id)));
  }

  private String text(String what) {
    long length = i64("the length of " + what);
    if (length < 0 || length > GgufLimits.LENGTH || length > bytes.byteSize() - at) {
      throw failure(
          at - 8, "%s has a length of %d bytes, which the file has not".formatted(what, length));
    }
    MemorySegment content = take(length, what);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(content.toArray(ValueLayout.JAVA_BYTE)))
          .toString();
    } catch (CharacterCodingException e) {
      throw failure(at - length, what + " is not UTF-8");
    }
  }

  /** A number of things of at least {@code leastBytes} bytes each, which must fit the file. */
  private long count(String what, int leastBytes) {
    long count = i64("the " + what);
    if (count < 0 || count > (bytes.byteSize() - at) / leastBytes) {
      throw failure(at - 8, "the %s is %d, which the file has no room for".formatted(what, count));
    }
    return count;
  }

  private int i32(String what) {
    return take(4, what).get(INT, 0);
  }

  private long i64(String what) {
    return take(8, what).get(LONG, 0);
  }

  private MemorySegment take(long length, String what) {
    if (length > bytes.byteSize() - at) {
      throw failure(at, "the file ends within " + what);
    }
    MemorySegment taken = bytes.asSlice(at, length);
    at += length;
    return taken;
  }

  private CheckpointException failure(long offset, String text) {
    return new CheckpointException("%s: at byte %d: %s".formatted(path, offset, text));
  }
}
