package org.modelopt.compute.cuda;

import static org.modelopt.compute.cuda.CudaDriver.check;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.DeviceException;

/**
 * Device memory that is used again instead of given back to the driver, whose allocations wait for
 * the device.
 *
 * <p>Sizes are rounded up to one of four steps per power of two. A buffer that was given back may
 * still be in use by work that the compute stream has before it; whoever takes it for another
 * stream has that stream wait first, see {@link #awaitUsers}. Safe for use by several threads.
 */
final class DevicePool implements AutoCloseable {
  private static final long SMALLEST_BYTES = 512;
  private static final int EVENTS = 64;

  /**
   * Memory of one allocation.
   *
   * @param address where it begins, a multiple of 256
   * @param bytes its size
   * @param epoch number of the event after the last use of its content
   */
  record Buffer(long address, long bytes, long epoch) {}

  private final CudaDevice device;
  private final long limit;
  private final TreeMap<Long, Deque<Buffer>> free = new TreeMap<>();
  private final CUevent[] events = new CUevent[EVENTS];
  private long epoch;
  private long usedBytes;
  private long keptBytes;
  private long peakBytes;

  /**
   * A pool that has nothing.
   *
   * @param limit most bytes to take from the device
   */
  DevicePool(CudaDevice device, long limit) {
    this.device = device;
    this.limit = limit;
    for (int i = 0; i < EVENTS; i++) {
      events[i] = CudaDevice.event();
    }
  }

  /**
   * A buffer of at least {@code bytes}.
   *
   * @throws DeviceException if the device or the limit has no room for it
   */
  synchronized Buffer take(long bytes) {
    long size = roundUp(bytes);
    Deque<Buffer> same = free.get(size);
    Buffer buffer;
    if (same != null) {
      buffer = same.pop();
      if (same.isEmpty()) {
        free.remove(size);
      }
      keptBytes -= size;
    } else {
      buffer = allocate(size, bytes);
    }
    usedBytes += size;
    peakBytes = Math.max(peakBytes, usedBytes);
    return buffer;
  }

  /**
   * Gives buffers of {@link #take} back once the compute stream is done with what it has.
   *
   * @param uploaded end of an upload into one of them that nothing has waited for yet
   */
  synchronized void give(Iterable<Buffer> buffers, @Nullable CUevent uploaded) {
    device.makeCurrent();
    if (uploaded != null) {
      check(JCudaDriver.cuStreamWaitEvent(device.compute(), uploaded, 0), "waiting for an event");
    }
    epoch++;
    CUevent event = events[(int) (epoch % EVENTS)];
    check(JCudaDriver.cuEventRecord(event, device.compute()), "recording an event");
    for (Buffer buffer : buffers) {
      usedBytes -= buffer.bytes();
      keptBytes += buffer.bytes();
      free.computeIfAbsent(buffer.bytes(), size -> new ArrayDeque<>())
          .push(new Buffer(buffer.address(), buffer.bytes(), epoch));
    }
  }

  /** Makes {@code stream} wait for the work that may still use the old content of a buffer. */
  synchronized void awaitUsers(Buffer buffer, CUstream stream) {
    // An event that was recorded again since is a later one: waiting for it is enough as well.
    if (buffer.epoch() > 0) {
      CUevent event = events[(int) (buffer.epoch() % EVENTS)];
      check(JCudaDriver.cuStreamWaitEvent(stream, event, 0), "waiting for an event");
    }
  }

  private Buffer allocate(long size, long asked) {
    device.makeCurrent();
    if (usedBytes + keptBytes + size > limit) {
      trim();
    }
    if (usedBytes + size > limit) {
      throw noRoom(asked, "the limit is %,d".formatted(limit));
    }
    Pointers.Device pointer = new Pointers.Device();
    int result = JCudaDriver.cuMemAlloc(pointer, size);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      trim();
      result = JCudaDriver.cuMemAlloc(pointer, size);
    }
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw noRoom(asked, "the device has %,d free".formatted(device.freeBytes()));
    }
    check(result, "allocating %,d bytes".formatted(size));
    return new Buffer(pointer.address(), size, 0);
  }

  private DeviceException noRoom(long bytes, String room) {
    return new DeviceException(
        ("no memory on %s for %,d bytes beside %,d in use; %s. Use shorter samples, or close other"
                + " programs that use the GPU")
            .formatted(device.location(), bytes, usedBytes, room));
  }

  private void trim() {
    Iterator<Map.Entry<Long, Deque<Buffer>>> sizes = free.entrySet().iterator();
    while (sizes.hasNext()) {
      for (Buffer buffer : sizes.next().getValue()) {
        check(JCudaDriver.cuMemFree(Pointers.device(buffer.address())), "freeing memory");
        keptBytes -= buffer.bytes();
      }
      sizes.remove();
    }
  }

  /** Bytes in buffers that are taken. */
  synchronized long usedBytes() {
    return usedBytes;
  }

  /** Most bytes that were ever taken at the same time. */
  synchronized long peakBytes() {
    return peakBytes;
  }

  /** Next of the sizes (4, 5, 6, 7) * 2^n that is not smaller than {@code bytes}. */
  static long roundUp(long bytes) {
    if (bytes <= SMALLEST_BYTES) {
      return SMALLEST_BYTES;
    }
    long step = Math.max(256, Long.highestOneBit(bytes - 1) >>> 2);
    return Math.ceilDiv(bytes, step) * step;
  }

  /** Releases all free buffers. */
  @Override
  public synchronized void close() {
    device.makeCurrent();
    trim();
    for (CUevent event : events) {
      JCudaDriver.cuEventDestroy(event);
    }
  }
}
