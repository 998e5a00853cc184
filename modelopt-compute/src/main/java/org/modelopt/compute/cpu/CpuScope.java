package org.modelopt.compute.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Hands out pooled buffers under an arena of its own: after the scope is closed its tensors throw
 * {@link IllegalStateException} instead of reading what the next user of the buffer wrote.
 */
final class CpuScope implements Scope {
  private final BufferPool pool;
  private final Arena arena = Arena.ofShared();
  private final List<BufferPool.Buffer> buffers = new ArrayList<>();

  CpuScope(BufferPool pool) {
    this.pool = pool;
  }

  @Override
  @SuppressWarnings("restricted") // only ties the view's life to the scope
  public Tensor allocate(DType dtype, Shape shape) {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException(
          "cannot allocate %s %s: the scope is closed".formatted(dtype, shape));
    }
    long bytes = dtype.byteSize(shape.elements());
    BufferPool.Buffer buffer = pool.take(bytes);
    buffers.add(buffer);
    MemorySegment view = buffer.memory().asSlice(0, bytes).reinterpret(bytes, arena, null);
    return Tensor.of(dtype, shape, view);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
      buffers.forEach(pool::give);
      buffers.clear();
    }
  }
}
