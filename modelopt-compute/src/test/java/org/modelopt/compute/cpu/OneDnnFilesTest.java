package org.modelopt.compute.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class OneDnnFilesTest {
  @TempDir Path cache;

  @Test
  void concurrentStartsUnpackOneCopyAndLeaveNothingElse() throws Exception {
    try (ExecutorService starts = Executors.newFixedThreadPool(2)) {
      Future<Path> first = starts.submit(() -> OneDnnFiles.unpack(cache).library());
      Future<Path> second = starts.submit(() -> OneDnnFiles.unpack(cache).library());
      assertEquals(first.get(), second.get());
    }
    assertEquals(2, filesBelow(cache).size());
  }

  @Test
  void aDamagedFileIsReplacedAndAGoodOneKept() throws IOException {
    Path library = OneDnnFiles.unpack(cache).library();
    byte[] first = firstBytes(library);
    Object key =
        Files.readAttributes(library, java.nio.file.attribute.BasicFileAttributes.class).fileKey();
    OneDnnFiles.unpack(cache);
    assertEquals(
        key,
        Files.readAttributes(library, java.nio.file.attribute.BasicFileAttributes.class).fileKey());

    try (var channel = Files.newByteChannel(library, StandardOpenOption.WRITE)) {
      channel.write(java.nio.ByteBuffer.wrap(new byte[] {1, 2, 3, 4}));
    }
    OneDnnFiles.unpack(cache);
    assertEquals(
        List.of(first[0], first[1]), List.of(firstBytes(library)[0], firstBytes(library)[1]));
  }

  @Test
  void withoutAWritableCacheAPrivateDirectoryIsUsedAndDeleted() throws IOException {
    Path file = Files.createFile(cache.resolve("not-a-directory"));
    OneDnnFiles files = OneDnnFiles.unpack(file.resolve("cache"));
    Path directory = files.library().getParent();
    assertTrue(Files.isRegularFile(files.library()));
    assertEquals(
        "rwx------",
        java.nio.file.attribute.PosixFilePermissions.toString(
            Files.getPosixFilePermissions(directory)));
    files.close();
    assertFalse(Files.exists(directory));
  }

  private static byte[] firstBytes(Path file) throws IOException {
    try (var in = Files.newInputStream(file)) {
      return in.readNBytes(4);
    }
  }

  private static List<Path> filesBelow(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(Files::isRegularFile).toList();
    }
  }
}
