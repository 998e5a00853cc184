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
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.modelopt.compute.Workers;
import org.modelopt.error.ExportException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file {@code SHA256SUMS}, which {@code sha256sum --check} reads. Sums of what is there at the
 * beginning are made, and it is written to the disk, beside what else happens to it meanwhile.
 */
final class Checksums implements AutoCloseable {
  static final String FILE = "SHA256SUMS";

  private static final Logger LOG = LoggerFactory.getLogger(Checksums.class);

  private static final int CHUNK = 1 << 20;

  private final Path directory;
  private final int threads;
  private final FutureTask<Map<Path, String>> early;
  private final List<Thread> running;

  private Checksums(Path directory, int threads) {
    this.directory = directory;
    this.threads = threads;
    List<Path> files = files(directory);
    this.early = new FutureTask<>(() -> sums(files, threads));
    this.running =
        List.of(
            Thread.ofPlatform().name("modelopt-checksums").daemon().start(early),
            Thread.ofPlatform()
                .name("modelopt-flush")
                .daemon()
                .start(() -> files.forEach(Checksums::flush)));
  }

  /** Begins with the files of {@code directory}, which do not change any more. */
  static Checksums begin(Path directory, int threads) {
    return new Checksums(directory, threads);
  }

  /** The lines for all files that the directory has now, by name. */
  String lines() {
    Map<Path, String> sums = new TreeMap<>(known());
    List<Path> more = files(directory).stream().filter(file -> !sums.containsKey(file)).toList();
    sums.putAll(sums(more, threads));
    StringBuilder lines = new StringBuilder();
    sums.forEach(
        (file, sum) -> lines.append(sum).append("  ").append(file.getFileName()).append('\n'));
    return lines.toString();
  }

  private Map<Path, String> known() {
    try {
      return early.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ExportException("interrupted while files were read back", e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof ExportException failure
          ? failure
          : new ExportException(directory + " cannot be read back: " + e.getCause(), e);
    }
  }

  private static List<Path> files(Path directory) {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new ExportException(directory + " cannot be listed: " + e.getMessage(), e);
    }
  }

  private static Map<Path, String> sums(List<Path> files, int threads) {
    Map<Path, String> sums = new ConcurrentHashMap<>();
    try (Workers workers = new Workers(threads)) {
      workers.forRange(
          files.size(),
          1,
          (from, to) -> {
            Path file = files.get(Math.toIntExact(from));
            sums.put(file, sum(file));
          });
    }
    return sums;
  }

  /**
   * Has the system write a file to the disk: publishing it, which must not fail, then waits less.
   */
  private static void flush(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      channel.force(false);
    } catch (IOException e) {
      LOG.debug("{} cannot be flushed yet", file, e);
    }
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

  /** Waits until nothing reads the directory any more. */
  @Override
  public void close() {
    boolean interrupted = false;
    for (Thread thread : running) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
