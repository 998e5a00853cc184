package org.modelopt.compute.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.Tensor;

/**
 * Off-heap buffers that are used again instead of given back to the system, so that a steady
 * forward pass neither allocates nor touches a fresh page.
 *
 * <p>Sizes are rounded up to one of four steps per power of two, so at most a fifth is lost. Free
 * buffers are kept up to a limit in bytes; past it the largest are released first. Content is
 * undefined. Safe for use by several threads.
 */
final class BufferPool implements AutoCloseable {
  private static final long SMALLEST_BYTES = 4096;
  private static final long KEPT_BYTES_LIMIT = 2L << 30;

  /** Memory of one allocation and the arena that releases it. */
  record Buffer(Arena arena, MemorySegment memory) {
    long byteSize() {
      return memory.byteSize();
    }
  }

  private final TreeMap<Long, Deque<Buffer>> free = new TreeMap<>();
  private final long keptBytesLimit;
  private long keptBytes;
  private long usedBytes;
  private boolean closed;

  BufferPool() {
    this(KEPT_BYTES_LIMIT);
  }

  BufferPool(long keptBytesLimit) {
    this.keptBytesLimit = keptBytesLimit;
  }

  /** A buffer of at least {@code bytes}, aligned to {@link Tensor#ALIGNMENT}. */
  Buffer take(long bytes) {
    long size = roundUp(bytes);
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("the CPU backend is closed");
      }
      Deque<Buffer> same = free.get(size);
      if (same != null) {
        Buffer buffer = same.pop();
        if (same.isEmpty()) {
          free.remove(size);
        }
        keptBytes -= size;
        usedBytes += size;
        return buffer;
      }
    }
    Buffer buffer = allocate(size);
    synchronized (this) {
      usedBytes += size;
    }
    return buffer;
  }

  /** Gives a buffer of {@link #take} back. */
  void give(Buffer buffer) {
    synchronized (this) {
      usedBytes -= buffer.byteSize();
      if (!closed) {
        free.computeIfAbsent(buffer.byteSize(), size -> new ArrayDeque<>()).push(buffer);
        keptBytes += buffer.byteSize();
        trim(keptBytesLimit);
        return;
      }
    }
    buffer.arena().close();
  }

  /** Bytes in buffers that are taken. */
  synchronized long usedBytes() {
    return usedBytes;
  }

  /** Bytes in buffers that wait for use. */
  synchronized long keptBytes() {
    return keptBytes;
  }

  /** Next of the sizes (4, 5, 6, 7) * 2^n that is not smaller than {@code bytes}. */
  static long roundUp(long bytes) {
    if (bytes <= SMALLEST_BYTES) {
      return SMALLEST_BYTES;
    }
    long step = Long.highestOneBit(bytes - 1) >>> 2;
    return Math.ceilDiv(bytes, step) * step;
  }

  @SuppressWarnings("MustBeClosedChecker") // the buffer owns the arena
  private Buffer allocate(long bytes) {
    Arena arena = Arena.ofShared();
    try {
      return new Buffer(arena, arena.allocate(bytes, Tensor.ALIGNMENT));
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new DeviceException(
          ("no host memory for a buffer of %,d bytes beside %,d in use by the CPU backend; use"
                  + " shorter or fewer samples at a time")
              .formatted(bytes, usedBytes()),
          e);
    }
  }

  private void trim(long limit) {
    Iterator<Map.Entry<Long, Deque<Buffer>>> sizes = free.descendingMap().entrySet().iterator();
    while (keptBytes > limit && sizes.hasNext()) {
      Deque<Buffer> same = sizes.next().getValue();
      while (keptBytes > limit && !same.isEmpty()) {
        Buffer buffer = same.pop();
        keptBytes -= buffer.byteSize();
        buffer.arena().close();
      }
      if (same.isEmpty()) {
        sizes.remove();
      }
    }
  }

  /** Releases all free buffers; those in use are released when they are given back. */
  @Override
  public synchronized void close() {
    closed = true;
    trim(0);
  }
}
