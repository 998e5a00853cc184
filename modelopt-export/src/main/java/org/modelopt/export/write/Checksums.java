package org.modelopt.export.write;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.modelopt.compute.Workers;
import org.modelopt.error.ExportException;

/** The file {@code SHA256SUMS}, which {@code sha256sum --check} reads. */
final class Checksums {
  static final String FILE = "SHA256SUMS";

  private static final int CHUNK = 1 << 20;

  private Checksums() {}

  /** The lines for all files of a directory, by name. */
  static String of(Path directory, int threads) {
    List<Path> files;
    try (Stream<Path> all = Files.list(directory)) {
      files = all.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new ExportException(directory + " cannot be listed: " + e.getMessage(), e);
    }
    String[] lines = new String[files.size()];
    try (Workers workers = new Workers(threads)) {
      workers.forRange(
          files.size(),
          1,
          (from, to) -> {
            int index = Math.toIntExact(from);
            Path file = files.get(index);
            lines[index] = sum(file) + "  " + file.getFileName() + "\n";
          });
    }
    return String.join("", lines);
  }

  private static String sum(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ByteBuffer buffer = ByteBuffer.allocate(CHUNK);
      while (channel.read(buffer) >= 0) {
        digest.update(buffer.flip());
        buffer.clear();
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new ExportException(file + " cannot be read back: " + e.getMessage(), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
