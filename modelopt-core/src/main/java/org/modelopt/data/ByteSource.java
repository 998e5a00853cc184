package org.modelopt.data;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import org.modelopt.error.DataException;

/**
 * Bytes that can be read from their start any number of times.
 *
 * @param name what they are, for messages and reports
 * @param opener opens them
 */
public record ByteSource(String name, Opener opener) {
  /** Opens a stream at its start. */
  @FunctionalInterface
  public interface Opener {
    /** A new stream; the caller closes it. */
    InputStream open() throws IOException;
  }

  /** The content of a file, decompressed if its name ends in {@code .gz}. */
  public static ByteSource of(Path file) {
    boolean compressed = file.toString().toLowerCase(Locale.ROOT).endsWith(".gz");
    return new ByteSource(
        file.toString(),
        () -> {
          InputStream in = new BufferedInputStream(Files.newInputStream(file));
          return compressed ? new GZIPInputStream(in) : in;
        });
  }

  /**
   * Opens the bytes.
   *
   * @throws DataException if that fails
   */
  InputStream open() {
    try {
      return opener.open();
    } catch (NoSuchFileException e) {
      throw new DataException(name + " does not exist; check the path", e);
    } catch (IOException e) {
      throw new DataException(name + " cannot be read: " + e.getMessage(), e);
    }
  }
}
