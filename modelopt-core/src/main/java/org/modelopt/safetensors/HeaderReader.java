package org.modelopt.safetensors;

import static org.modelopt.safetensors.Figures.grouped;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.TensorInfo;

/** Reads and checks the header of one file. */
final class HeaderReader {
  private static final int LENGTH_BYTES = 8;

  private final Path file;
  private final long fileBytes;

  private HeaderReader(Path file, long fileBytes) {
    this.file = file;
    this.fileBytes = fileBytes;
  }

  /** A tensor as declared, offsets counted from the end of the header, not yet checked. */
  private record Declared(TensorInfo info, long begin, long end) {}

  /**
   * Reads the header from an open file.
   *
   * @throws CheckpointException if the file breaks a rule of the format
   * @throws IOException if it cannot be read
   */
  static Header read(Path file, FileChannel channel) throws IOException {
    return new HeaderReader(file, channel.size()).read(channel);
  }

  private Header read(FileChannel channel) throws IOException {
    if (fileBytes < LENGTH_BYTES) {
      throw failure(
          "has "
              + fileBytes
              + " bytes, but the format starts with 8 bytes of header length; the download is"
              + " incomplete or this is no safetensors file");
    }
    byte[] lengthField = readFully(channel, 0, LENGTH_BYTES);
    long headerBytes = ByteBuffer.wrap(lengthField).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (headerBytes < 0 || headerBytes > StrictJson.MAX_BYTES) {
      throw failure(
          "states a header of "
              + Long.toUnsignedString(headerBytes)
              + " bytes, more than the "
              + grouped(StrictJson.MAX_BYTES)
              + " that the format allows; "
              + diagnose(lengthField));
    }
    long dataStart = LENGTH_BYTES + headerBytes;
    if (dataStart > fileBytes) {
      throw failure(
          "the header ends at byte "
              + grouped(dataStart)
              + " but the file has "
              + grouped(fileBytes)
              + " bytes; the download is incomplete");
    }
    byte[] text = readFully(channel, LENGTH_BYTES, (int) headerBytes);
    Map<String, String> metadata = new TreeMap<>(JsonText.CODE_POINT_ORDER);
    List<Declared> declared = new ArrayList<>();
    StrictJson.read(
        file,
        "the header",
        new ByteArrayInputStream(text),
        json ->
            json.forEachEntry(name -> {
              if (!name.equals(Header.METADATA_KEY)) {
                declared.add(readTensor(json, name));
              } else if (!json.isNull()) {
                json.forEachEntry(key -> metadata.put(key, json.string()));
              }
            }));
    return new Header(metadata, locate(declared, dataStart), dataStart, fileBytes);
  }

  private Declared readTensor(StrictJson json, String name) {
    var fields =
        new Object() {
          @Nullable String dtype;
          @Nullable List<Long> shape;
          @Nullable List<Long> offsets;
        };
    json.forEachEntry(field -> {
      switch (field) {
        case "dtype" -> fields.dtype = json.string();
        case "shape" -> fields.shape = counts(json);
        case "data_offsets" -> fields.offsets = counts(json);
        // The reference reader passes over fields it does not know.
        default -> json.skip();
      }
    });
    String dtype = require(name, "dtype", fields.dtype);
    List<Long> dims = require(name, "shape", fields.shape);
    List<Long> offsets = require(name, "data_offsets", fields.offsets);
    DType type =
        DType.ofName(dtype)
            .orElseThrow(
                () -> tensorFailure(name, "has the unknown dtype " + JsonText.quote(dtype)));
    if (offsets.size() != 2) {
      throw tensorFailure(name, "has " + offsets.size() + " data_offsets, expected begin and end");
    }
    return check(name, type, dims, offsets.get(0), offsets.get(1));
  }

  private static List<Long> counts(StrictJson json) {
    List<Long> counts = new ArrayList<>();
    json.forEachElement(() -> counts.add(json.count()));
    return counts;
  }

  private <T> T require(String name, String field, @Nullable T value) {
    if (value == null) {
      throw tensorFailure(name, "has no " + field);
    }
    return value;
  }

  private Declared check(String name, DType dtype, List<Long> dims, long begin, long end) {
    TensorInfo info;
    long size;
    try {
      info =
          new TensorInfo(name, dtype, Shape.of(dims.stream().mapToLong(Long::longValue).toArray()));
      size = info.byteSize();
    } catch (ArithmeticException e) {
      throw tensorFailure(name, "is " + dtype + " " + dims + ", whose bits exceed 2^63");
    } catch (IllegalArgumentException e) {
      throw tensorFailure(name, "is " + dtype + " " + dims + ": " + e.getMessage());
    }
    if (begin > end) {
      throw tensorFailure(
          name, "begins at data byte " + grouped(begin) + " but ends at " + grouped(end));
    }
    if (end - begin != size) {
      throw tensorFailure(
          name,
          "is %s %s and needs %s bytes, but its data_offsets %s to %s span %s"
              .formatted(
                  dtype,
                  info.shape(),
                  grouped(size),
                  grouped(begin),
                  grouped(end),
                  grouped(end - begin)));
    }
    return new Declared(info, begin, end);
  }

  /** Tensors in the order of their bytes, which must fill the rest of the file exactly. */
  private List<StoredTensor> locate(List<Declared> declared, long dataStart) {
    declared.sort(Comparator.comparingLong(Declared::begin).thenComparingLong(Declared::end));
    List<StoredTensor> located = new ArrayList<>(declared.size());
    long position = 0;
    long dataBytes = fileBytes - dataStart;
    for (Declared tensor : declared) {
      String name = tensor.info().name();
      if (tensor.begin() < position) {
        throw tensorFailure(
            name,
            "begins at data byte %s, inside the tensor before it, which ends at %s"
                .formatted(grouped(tensor.begin()), grouped(position)));
      }
      if (tensor.begin() > position) {
        throw tensorFailure(
            name,
            "begins at data byte %s, but the data before it ends at %s: %s bytes belong to no tensor"
                .formatted(
                    grouped(tensor.begin()),
                    grouped(position),
                    grouped(tensor.begin() - position)));
      }
      if (tensor.end() > dataBytes) {
        String end =
            tensor.end() > Long.MAX_VALUE - dataStart
                ? "data byte " + grouped(tensor.end())
                : "byte " + grouped(dataStart + tensor.end());
        throw tensorFailure(
            name,
            "ends at %s but the file has %s bytes; the download is incomplete"
                .formatted(end, grouped(fileBytes)));
      }
      located.add(new StoredTensor(tensor.info(), dataStart + tensor.begin()));
      position = tensor.end();
    }
    if (position < dataBytes) {
      throw failure(
          "the last tensor ends at byte %s but the file has %s bytes; %s bytes belong to no tensor:"
                  .formatted(
                      grouped(dataStart + position),
                      grouped(fileBytes),
                      grouped(dataBytes - position))
              + " get the file anew");
    }
    return located;
  }

  private byte[] readFully(FileChannel channel, long offset, int count) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, offset + buffer.position()) < 0) {
        throw failure("was cut short while it was read; read it again once it is complete");
      }
    }
    return buffer.array();
  }

  /** What a file probably is whose first bytes are no header length. */
  private static String diagnose(byte[] start) {
    String text = new String(start, StandardCharsets.ISO_8859_1).toLowerCase(Locale.ROOT);
    if (text.equals("version ")) {
      return "this is a Git LFS pointer, not the file itself: run 'git lfs pull'";
    }
    if (text.startsWith("<")) {
      return "this is a web page: the download failed";
    }
    if (text.startsWith("pk\003\004")) {
      return "this is a zip file, perhaps a PyTorch checkpoint: convert it to safetensors";
    }
    if (text.startsWith("gguf")) {
      return "this is a GGUF file";
    }
    return "this is no safetensors file or it is damaged";
  }

  private CheckpointException failure(String reason) {
    return new CheckpointException(file + ": " + reason);
  }

  private CheckpointException tensorFailure(String name, String reason) {
    return failure("tensor " + JsonText.quote(name) + " " + reason);
  }
}
