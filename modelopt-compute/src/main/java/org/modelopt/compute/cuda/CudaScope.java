package org.modelopt.compute.cuda;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUevent;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Owner of buffers of the pool, and of host copies. After it is closed its tensors throw {@link
 * IllegalStateException} instead of reading what the next user of a buffer wrote.
 */
final class CudaScope implements Scope {
  private final String location;
  private final DevicePool pool;
  private final List<DevicePool.Buffer> buffers = new ArrayList<>();
  private @Nullable Arena host;
  private @Nullable CUevent uploaded;
  private volatile boolean closed;

  CudaScope(String location, DevicePool pool) {
    this.location = location;
    this.pool = pool;
  }

  String location() {
    return location;
  }

  boolean isClosed() {
    return closed;
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the scope of this tensor on " + location + " is closed");
    }
  }

  @Override
  public Tensor allocate(DType dtype, Shape shape) {
    long bytes = dtype.byteSize(shape.elements());
    return Tensor.of(dtype, shape, new DeviceStorage(this, take(bytes).address(), bytes));
  }

  /** Memory that lives as long as this. */
  DevicePool.Buffer take(long bytes) {
    requireOpen();
    DevicePool.Buffer buffer = pool.take(bytes);
    buffers.add(buffer);
    return buffer;
  }

  /** Host memory that lives as long as this. */
  @SuppressWarnings("MustBeClosedChecker") // closed with this
  Arena host() {
    requireOpen();
    Arena arena = host;
    if (arena == null) {
      arena = Arena.ofShared();
      host = arena;
    }
    return arena;
  }

  /** Sets what the compute stream waits for before it reads a tensor of this scope. */
  synchronized void uploading(CUevent event) {
    uploaded = event;
  }

  /** The event to wait for, if there was an upload since the last question. */
  synchronized @Nullable CUevent takeUploaded() {
    CUevent event = uploaded;
    uploaded = null;
    return event;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    pool.give(buffers, takeUploaded());
    buffers.clear();
    if (host != null) {
      host.close();
    }
  }
}
