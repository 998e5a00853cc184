package org.modelopt.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Activations of many samples: in the device's own memory as far as the backend offers it, then in
 * host memory up to a limit, beyond it in a file that vanishes with the store. The file is read and
 * written, not mapped, so that its pages never count as memory of this process.
 */
final class ActivationStore implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ActivationStore.class);
  private static final long PIECE = 1 << 26; // a ByteBuffer view must stay below 2 GiB

  private record Slot(
      DType dtype,
      Shape shape,
      @Nullable Tensor device,
      @Nullable MemorySegment memory,
      long fileOffset) {
    long byteSize() {
      return dtype.byteSize(shape.elements());
    }
  }

  private final Backend backend;
  private final Arena arena = Arena.ofShared();
  private final long memoryLimit;
  private final Optional<Path> spillDirectory;
  private final @Nullable Slot[] slots;
  private @Nullable Scope deviceScope;
  private long deviceUsed;
  private long memoryUsed;
  private @Nullable FileChannel file;
  private long fileEnd;

  ActivationStore(Backend backend, int samples, long memoryLimit, Optional<Path> spillDirectory) {
    this.backend = backend;
    this.slots = new Slot[samples];
    this.memoryLimit = memoryLimit;
    this.spillDirectory = spillDirectory;
  }

  int samples() {
    return slots.length;
  }

  /** Bytes that went to the file. */
  long spilledBytes() {
    return fileEnd;
  }

  /** Replaces the activation of sample {@code index}. */
  void put(int index, Tensor activation, Scope scope) {
    Slot old = slots[index];
    Slot slot =
        old != null
                && old.dtype == activation.dtype()
                && (old.device == null
                    ? old.byteSize() == activation.byteSize()
                    : old.shape.equals(activation.shape()))
            ? new Slot(
                activation.dtype(), activation.shape(), old.device, old.memory, old.fileOffset)
            : newSlot(activation.dtype(), activation.shape());
    slots[index] = slot;
    if (slot.device != null) {
      Tensor there = backend.toDevice(activation, activation.dtype(), scope);
      backend.copyRows(rows(there), rows(slot.device), 0);
      return;
    }
    Tensor host = backend.toHost(activation, scope);
    if (slot.memory != null) {
      slot.memory.copyFrom(host.segment());
    } else {
      transfer(slot.fileOffset, host.segment(), true);
    }
  }

  /** A tensor as one matrix. */
  private static Tensor rows(Tensor tensor) {
    return tensor.reshape(Shape.of(tensor.shape().rows(), tensor.shape().columns()));
  }

  /** The activation of sample {@code index} on the device. */
  Tensor get(int index, Scope scope) {
    Slot slot = present(index);
    if (slot.device != null) {
      return slot.device;
    }
    MemorySegment bytes = slot.memory;
    if (bytes == null) {
      bytes = buffer(scope, slot);
      transfer(slot.fileOffset, bytes, false);
    }
    return backend.toDevice(Tensor.of(slot.dtype, slot.shape, bytes), slot.dtype, scope);
  }

  private MemorySegment buffer(Scope scope, Slot slot) {
    Tensor buffer = scope.allocate(slot.dtype, slot.shape);
    return buffer.isOnHost()
        ? buffer.segment()
        : Arena.ofAuto().allocate(slot.byteSize(), Tensor.ALIGNMENT);
  }

  /** Type and shape of the activation of sample {@code index}. */
  TensorInfo info(int index, String name) {
    Slot slot = present(index);
    return new TensorInfo(name, slot.dtype, slot.shape);
  }

  /** Hands the bytes of sample {@code index} to {@code sink}. */
  void write(int index, String name, TensorSink sink) {
    Slot slot = present(index);
    if (slot.device != null) {
      try (Scope scope = backend.openScope()) {
        sink.write(name, backend.toHost(slot.device, scope).segment());
      }
      return;
    }
    try (Arena temporary = Arena.ofShared()) {
      MemorySegment bytes = slot.memory;
      if (bytes == null) {
        bytes = temporary.allocate(slot.byteSize(), Tensor.ALIGNMENT);
        transfer(slot.fileOffset, bytes, false);
      }
      sink.write(name, bytes);
    }
  }

  private Slot present(int index) {
    Slot slot = slots[index];
    if (slot == null) {
      throw new IllegalStateException("sample " + index + " has no activation yet");
    }
    return slot;
  }

  private Slot newSlot(DType dtype, Shape shape) {
    long bytes = dtype.byteSize(shape.elements());
    if (deviceUsed + bytes <= backend.activationBytes()) {
      Scope scope = deviceScope == null ? backend.openScope() : deviceScope;
      deviceScope = scope;
      deviceUsed += bytes;
      return new Slot(dtype, shape, scope.allocate(dtype, shape), null, 0);
    }
    if (memoryUsed + bytes <= memoryLimit) {
      memoryUsed += bytes;
      return new Slot(dtype, shape, null, Tensor.allocate(arena, dtype, shape).segment(), 0);
    }
    Slot slot = new Slot(dtype, shape, null, null, fileEnd);
    fileEnd += bytes;
    return slot;
  }

  private void transfer(long offset, MemorySegment bytes, boolean write) {
    try {
      FileChannel channel = openFile();
      for (long at = 0; at < bytes.byteSize(); at += PIECE) {
        long length = Math.min(PIECE, bytes.byteSize() - at);
        ByteBuffer buffer = bytes.asSlice(at, length).asByteBuffer();
        long position = offset + at;
        while (buffer.hasRemaining()) {
          int moved = write ? channel.write(buffer, position) : channel.read(buffer, position);
          if (moved < 0) {
            throw new IOException("the file ends at " + position);
          }
          position += moved;
        }
      }
    } catch (IOException e) {
      throw new DeviceException(
          "activations could not be %s a file in %s (%s); give a directory with more room or raise the memory limit"
              .formatted(write ? "written to" : "read from", directory(), e.getMessage()),
          e);
    }
  }

  private FileChannel openFile() throws IOException {
    FileChannel channel = file;
    if (channel == null) {
      Path path = Files.createTempFile(directory(), "modelopt-activations-", ".tmp");
      channel =
          FileChannel.open(
              path,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
      file = channel;
      LOG.info("activations beyond {} bytes go to {}", memoryLimit, directory());
    }
    return channel;
  }

  private Path directory() {
    return spillDirectory.orElseGet(() -> Path.of(System.getProperty("java.io.tmpdir", ".")));
  }

  @Override
  public void close() {
    if (deviceScope != null) {
      deviceScope.close();
    }
    arena.close();
    FileChannel channel = file;
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
