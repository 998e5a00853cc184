package org.modelopt.export.gguf.container;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;

/**
 * Where everything is in a file that is to be written.
 *
 * <p>The alignment is 32 bytes: readers know no other that all of them take.
 */
public final class GgufLayout {
  private static final int ALIGNMENT = GgufLimits.ALIGNMENT;

  private final byte[] header;
  private final List<GgufTensor> tensors;
  private final Map<String, Long> positions = new LinkedHashMap<>();
  private final long end;

  private GgufLayout(byte[] header, List<GgufTensor> tensors) {
    this.header = header;
    this.tensors = tensors;
    long at = GgufLimits.padded(header.length, ALIGNMENT);
    for (GgufTensor tensor : tensors) {
      positions.put(tensor.name(), at);
      at = Math.addExact(at, GgufLimits.padded(tensor.byteSize(), ALIGNMENT));
    }
    this.end = at;
  }

  /**
   * Plans a file.
   *
   * @throws IllegalArgumentException if no reader would take it: names that are not unique, too
   *     long or empty, too many extents, rows of broken blocks
   */
  public static GgufLayout of(SequencedMap<String, GgufValue> metadata, List<GgufTensor> tensors) {
    Header header = new Header();
    header.i32(GgufLimits.MAGIC);
    header.i32(GgufLimits.VERSION);
    header.i64(tensors.size());
    header.i64(metadata.size());
    metadata.forEach((key, value) -> {
      if (key.isEmpty() || key.equals(GgufLimits.ALIGNMENT_KEY)) {
        throw new IllegalArgumentException("\"" + key + "\" cannot be set");
      }
      header.text(key);
      header.i32(value.type().id());
      header.value(value);
    });
    Set<String> names = new HashSet<>();
    long offset = 0;
    for (GgufTensor tensor : tensors) {
      check(tensor);
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException("there are two tensors called " + tensor.name());
      }
      header.text(tensor.name());
      header.i32(tensor.extents().size());
      tensor.extents().forEach(header::i64);
      header.i32(tensor.type().id());
      header.i64(offset);
      offset = Math.addExact(offset, GgufLimits.padded(tensor.byteSize(), ALIGNMENT));
    }
    return new GgufLayout(header.bytes.toByteArray(), List.copyOf(tensors));
  }

  private static void check(GgufTensor tensor) {
    int nameBytes = tensor.name().getBytes(StandardCharsets.UTF_8).length;
    if (nameBytes == 0 || nameBytes > GgufLimits.NAME_BYTES) {
      throw new IllegalArgumentException(
          "tensor name \"%s\" has %d bytes, not 1 to %d"
              .formatted(tensor.name(), nameBytes, GgufLimits.NAME_BYTES));
    }
    if (tensor.extents().isEmpty() || tensor.extents().size() > GgufLimits.DIMENSIONS) {
      throw new IllegalArgumentException(
          "%s has %d extents, not 1 to %d"
              .formatted(tensor.name(), tensor.extents().size(), GgufLimits.DIMENSIONS));
    }
    if (tensor.columns() % tensor.type().blockElements() != 0) {
      throw new IllegalArgumentException(
          "%s: rows of %d elements are no whole number of blocks of %s"
              .formatted(tensor.name(), tensor.columns(), tensor.type()));
    }
  }

  /** All tensors in the order of the file. */
  public List<GgufTensor> tensors() {
    return tensors;
  }

  /** First byte of a tensor, counted from the start of the file. */
  public long position(GgufTensor tensor) {
    Long position = positions.get(tensor.name());
    if (position == null) {
      throw new IllegalArgumentException("no tensor " + tensor.name() + " was declared");
    }
    return position;
  }

  /** Size of the file in bytes. */
  public long fileBytes() {
    return end;
  }

  /** Everything before the tensors, without the padding after it. */
  byte[] header() {
    return header.clone();
  }

  private static final class Header {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(1 << 16);
    private final ByteBuffer number = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);

    void i32(int value) {
      bytes.write(number.putInt(0, value).array(), 0, 4);
    }

    void i64(long value) {
      bytes.write(number.putLong(0, value).array(), 0, 8);
    }

    void text(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      if (utf8.length > GgufLimits.LENGTH) {
        throw new IllegalArgumentException("a text of %d bytes".formatted(utf8.length));
      }
      i64(utf8.length);
      bytes.writeBytes(utf8);
    }

    void value(GgufValue value) {
      switch (value) {
        case GgufValue.Flag flag -> bytes.write(flag.value() ? 1 : 0);
        case GgufValue.Text text -> text(text.value());
        case GgufValue.Items items -> {
          i32(items.elementType().id());
          i64(items.values().size());
          items.values().forEach(this::value);
        }
        case GgufValue.Figure figure -> figure(figure);
      }
    }

    private void figure(GgufValue.Figure figure) {
      switch (figure.type()) {
        case F32 -> i32(Float.floatToRawIntBits(figure.value().floatValue()));
        case F64 -> i64(Double.doubleToRawLongBits(figure.value().doubleValue()));
        default -> {
          number.putLong(0, figure.value().longValue());
          bytes.write(number.array(), 0, figure.type().leastBytes());
        }
      }
    }
  }

  /** All positions, for messages. */
  @Override
  public String toString() {
    return new ArrayList<>(positions.entrySet()).toString();
  }
}
