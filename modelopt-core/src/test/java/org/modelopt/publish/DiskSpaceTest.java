package org.modelopt.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.error.ExportException;

class DiskSpaceTest {
  @TempDir Path directory;

  @Test
  void freeBytesAreThoseOfTheNearestDirectoryThatExists() {
    long here = DiskSpace.freeBytes(directory).getAsLong();
    assertTrue(here > 0);
    assertTrue(DiskSpace.freeBytes(directory.resolve("a/b/c")).isPresent());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "No space left on device",
        "Disk quota exceeded",
        "There is not enough space on the disk"
      })
  void fullDisksAreRecognised(String reason) {
    Path file = directory.resolve("x");
    IOException cause = new IOException(reason);
    ExportException e = DiskSpace.writeFailure(file, 1234, cause);
    assertTrue(
        e.getMessage().startsWith(file + ": the disk is full: 1,234 more bytes were to be written"),
        e.getMessage());
    assertSame(cause, e.getCause());
  }

  @Test
  void moreMissingBytesThanFreeOnesMeanAFullDiskInAnyLanguage() {
    ExportException e = DiskSpace.writeFailure(directory, Long.MAX_VALUE, new IOException("voll"));
    assertTrue(e.getMessage().contains("the disk is full"), e.getMessage());
  }

  @Test
  void otherFailuresKeepTheirReason() {
    ExportException e = DiskSpace.writeFailure(directory, 1, new IOException("broken cable"));
    assertEquals(
        directory + ": cannot be written: java.io.IOException: broken cable", e.getMessage());
  }
}
