package org.modelopt.publish;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import org.modelopt.error.ExportException;

/** Free space of the file system that holds a path, and failures for want of it. */
public final class DiskSpace {
  private DiskSpace() {}

  /**
   * Checks that {@code bytes} more bytes fit where {@code path} is or would be.
   *
   * @throws ExportException if they do not; the message has both numbers
   */
  public static void require(Path path, long bytes) {
    OptionalLong free = freeBytes(path);
    if (free.isPresent() && free.getAsLong() < bytes) {
      throw new ExportException(
          String.format(
              Locale.ROOT,
              "%s: %,d bytes are needed but only %,d are free; make room or choose another target",
              path,
              bytes,
              free.getAsLong()));
    }
  }

  /** Bytes this process may still write where {@code path} is or would be, where that is known. */
  public static OptionalLong freeBytes(Path path) {
    for (Path at = path.toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.exists(at)) {
        try {
          return OptionalLong.of(Files.getFileStore(at).getUsableSpace());
        } catch (IOException e) {
          return OptionalLong.empty();
        }
      }
    }
    return OptionalLong.empty();
  }

  /**
   * The failure to write {@code file}: a full disk is named as one.
   *
   * @param missingBytes bytes that were still to be written
   */
  public static ExportException writeFailure(Path file, long missingBytes, IOException cause) {
    OptionalLong free = freeBytes(file);
    String reason = String.valueOf(cause.getMessage());
    boolean full =
        reason.contains("No space left")
            || reason.contains("quota exceeded")
            || reason.contains("not enough space")
            || (free.isPresent() && free.getAsLong() < missingBytes);
    if (!full) {
      return new ExportException(file + ": cannot be written: " + cause, cause);
    }
    String room =
        free.isPresent() ? String.format(Locale.ROOT, ", %,d are free", free.getAsLong()) : "";
    return new ExportException(
        String.format(
            Locale.ROOT,
            "%s: the disk is full: %,d more bytes were to be written%s; make room or choose another"
                + " target",
            file,
            missingBytes,
            room),
        cause);
  }
}
