package org.modelopt.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files put together byte by byte, right or wrong. */
final class RawFiles {
  private RawFiles() {}

  /** A length field, then {@code rest}. */
  static byte[] bytes(long statedHeaderBytes, byte... rest) {
    return ByteBuffer.allocate(8 + rest.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(statedHeaderBytes)
        .put(rest)
        .array();
  }

  /** A header with its true length, then {@code dataBytes} bytes counting up from 0. */
  static byte[] bytes(String header, int dataBytes) {
    return bytes(header.getBytes(StandardCharsets.UTF_8), dataBytes);
  }

  static byte[] bytes(byte[] header, int dataBytes) {
    ByteBuffer rest = ByteBuffer.allocate(header.length + dataBytes).put(header);
    for (int i = 0; i < dataBytes; i++) {
      rest.put((byte) i);
    }
    return bytes(header.length, rest.array());
  }

  /** One entry of a header. */
  static String tensor(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  /** Writes {@code bytes} as {@code name} in {@code directory}. */
  static Path write(Path directory, String name, byte[] bytes) {
    try {
      return Files.write(directory.resolve(name), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path write(Path directory, String name, String text) {
    return write(directory, name, text.getBytes(StandardCharsets.UTF_8));
  }
}
