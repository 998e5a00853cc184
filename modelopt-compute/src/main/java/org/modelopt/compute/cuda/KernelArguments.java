package org.modelopt.compute.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.modelopt.tensor.Tensor;

/** The arguments of one kernel launch, in the order of the kernel's parameters. */
public final class KernelArguments {
  private static final int ROOM = 512;

  private final CudaBackend backend;
  private final MemorySegment memory = Arena.ofAuto().allocate(2L * ROOM, 16);
  private int end;
  private int count;

  KernelArguments(CudaBackend backend) {
    this.backend = backend;
  }

  /** The address of a tensor on the device. */
  public KernelArguments tensor(Tensor tensor) {
    return int64(backend.address(tensor));
  }

  /** The address of a tensor on the device, or null. */
  public KernelArguments optional(Optional<Tensor> tensor) {
    return int64(tensor.map(backend::address).orElse(0L));
  }

  /** A 64-bit integer or address. */
  public KernelArguments int64(long value) {
    memory.set(ValueLayout.JAVA_LONG, place(8, 8), value);
    return this;
  }

  /** A 32-bit integer. */
  public KernelArguments int32(int value) {
    memory.set(ValueLayout.JAVA_INT, place(4, 4), value);
    return this;
  }

  /** A 32-bit float. */
  public KernelArguments float32(float value) {
    memory.set(ValueLayout.JAVA_FLOAT, place(4, 4), value);
    return this;
  }

  /** A structure of four-byte members: integers, and floats as their bits. */
  public KernelArguments words(int... values) {
    int at = place(4 * values.length, 4);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_INT, at, values.length);
    return this;
  }

  /** A structure of 64-bit integers. */
  public KernelArguments int64s(long... values) {
    int at = place(8 * values.length, 8);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_LONG, at, values.length);
    return this;
  }

  private int place(int bytes, int alignment) {
    int at = Math.ceilDiv(end, alignment) * alignment;
    end = at + bytes;
    if (end > ROOM || count == ROOM / 8) {
      throw new IllegalArgumentException("a kernel has at most " + ROOM + " bytes of arguments");
    }
    memory.set(ValueLayout.JAVA_LONG, ROOM + 8L * count, memory.address() + at);
    count++;
    return at;
  }

  /** Calls {@code use} with the address of the list of the arguments' addresses. */
  void withAddress(LongConsumer use) {
    try {
      use.accept(memory.address() + ROOM);
    } finally {
      Reference.reachabilityFence(memory);
    }
  }
}
