package org.modelopt.benchmarks.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Watches this process's memory every few milliseconds until it is closed. The peak of resident
 * memory is the kernel's own; its parts are the largest that were seen.
 */
final class ResidentMemory implements AutoCloseable {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final long PERIOD_MILLIS = 5;

  /**
   * Largest sizes so far, not all at one time.
   *
   * @param residentBytes VmHWM: all that is in memory
   * @param anonymousBytes RssAnon: heap, buffers, code
   * @param mappedBytes RssFile and RssShmem: pages of mapped files
   * @param heapBytes Java objects, dead ones included
   */
  record Peaks(long residentBytes, long anonymousBytes, long mappedBytes, long heapBytes) {}

  private final Thread watcher;
  private volatile Peaks peaks = new Peaks(0, 0, 0, 0);
  private volatile boolean closed;

  private ResidentMemory() {
    this.watcher = Thread.ofPlatform().name("resident-memory").daemon().unstarted(this::run);
  }

  /** Begins to watch. */
  static ResidentMemory watch() throws IOException {
    if (!Files.exists(STATUS)) {
      throw new IOException(STATUS + " is not there; this benchmark needs Linux");
    }
    ResidentMemory memory = new ResidentMemory();
    memory.watcher.start();
    return memory;
  }

  Peaks peaks() {
    return peaks;
  }

  private void run() {
    try {
      while (!closed) {
        look();
        Thread.sleep(PERIOD_MILLIS);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void look() throws IOException {
    String status = Files.readString(STATUS, StandardCharsets.US_ASCII);
    long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    Peaks seen = peaks;
    peaks =
        new Peaks(
            field(status, "VmHWM"),
            Math.max(seen.anonymousBytes, field(status, "RssAnon")),
            Math.max(seen.mappedBytes, field(status, "RssFile") + field(status, "RssShmem")),
            Math.max(seen.heapBytes, heap));
  }

  private static long field(String status, String name) {
    int at = status.indexOf(name + ":");
    int end = status.indexOf("kB", at);
    return Long.parseLong(status.substring(at + name.length() + 1, end).strip()) << 10;
  }

  @Override
  public void close() {
    closed = true;
  }
}
