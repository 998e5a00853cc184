package org.modelopt.formats.internal;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Native memory by its address, for the inner loops of the vector kernels.
 *
 * <p>An access by way of a segment asks, each time, what kind of segment it is and whether its
 * arena is open, which takes as many instructions as the arithmetic and keeps the compiler from
 * unrolling. Loops therefore check once, by {@link #address}, and then use {@link #ALL}. They must
 * keep the segment reachable until they are done.
 */
final class NativeMemory {
  /** All of it; offsets are addresses. */
  @SuppressWarnings("restricted") // addresses come from segments, checked as these check
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private NativeMemory() {}

  /**
   * The address of a part of a segment, or 0 if the loops must go by way of the segment: it is on
   * the heap, its arena was closed, or this thread may not use it.
   *
   * @throws IndexOutOfBoundsException if the part is not within the segment
   */
  static long address(MemorySegment segment, long offset, long bytes) {
    Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
    boolean usable =
        segment.isNative()
            && segment.scope().isAlive()
            && segment.isAccessibleBy(Thread.currentThread());
    return usable ? segment.address() + offset : 0;
  }
}
