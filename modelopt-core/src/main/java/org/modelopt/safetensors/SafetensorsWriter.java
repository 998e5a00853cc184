package org.modelopt.safetensors;

import static org.modelopt.safetensors.Figures.grouped;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.modelopt.error.ExportException;
import org.modelopt.publish.DiskSpace;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one safetensors file, tensor by tensor or piece by piece, each to its place.
 *
 * <p>Nothing is kept in memory. Because every tensor's place is known from the start, tensors may
 * come in the order in which they are made, which for a quantized model is not that of the file.
 *
 * <pre>{@code
 * try (SafetensorsWriter writer = SafetensorsWriter.create(file, SafetensorsLayout.of(tensors))) {
 *   writer.write("lm_head.weight", weight);
 *   writer.finish();
 * }
 * }</pre>
 *
 * Closing a writer that was not finished removes the file. The bytes are handed to the operating
 * system; making them durable is the business of {@link org.modelopt.publish.Publication}.
 */
public final class SafetensorsWriter implements TensorSink, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SafetensorsWriter.class);

  /** Bytes handed to the operating system at a time. */
  private static final long CHUNK = 4L << 20;

  private final Path file;
  private final SafetensorsLayout layout;
  private final FileChannel channel;
  private final Map<String, Slot> slots = new LinkedHashMap<>();
  private final AtomicLong missingBytes;
  private boolean finished;

  /** A tensor's place and how much of it was written; also the lock for its pieces. */
  private static final class Slot {
    final StoredTensor tensor;
    long written;

    Slot(StoredTensor tensor) {
      this.tensor = tensor;
    }
  }

  /** Writes the head of the file. The writer closes the channel. */
  SafetensorsWriter(Path file, SafetensorsLayout layout, FileChannel channel) {
    this.file = file;
    this.layout = layout;
    this.channel = channel;
    this.missingBytes = new AtomicLong(layout.byteSize());
    layout.tensors().forEach(tensor -> slots.put(tensor.info().name(), new Slot(tensor)));
    try {
      writeFully(layout.head(), 0);
      missingBytes.addAndGet(-layout.head().remaining());
    } catch (ExportException e) {
      close();
      throw e;
    }
  }

  /**
   * Creates {@code file} and writes its header.
   *
   * @throws ExportException if the file exists already or cannot be written
   */
  public static SafetensorsWriter create(Path file, SafetensorsLayout layout) {
    try {
      return new SafetensorsWriter(
          file,
          layout,
          FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));
    } catch (FileAlreadyExistsException e) {
      throw new ExportException(file + ": exists already and is not overwritten", e);
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, layout.byteSize(), e);
    }
  }

  @Override
  public List<TensorInfo> tensors() {
    return layout.tensors().stream().map(StoredTensor::info).toList();
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(slots.get(name)).map(slot -> slot.tensor.info());
  }

  @Override
  public void write(String name, MemorySegment piece) {
    Slot slot = slot(name);
    synchronized (slot) {
      long room = slot.tensor.byteSize() - slot.written;
      if (piece.byteSize() > room) {
        throw new IllegalArgumentException(
            "%s: tensor %s has room for %s more bytes but got %s"
                .formatted(file, JsonText.quote(name), grouped(room), grouped(piece.byteSize())));
      }
      writeFully(piece, slot.tensor.offset() + slot.written);
      slot.written += piece.byteSize();
    }
    missingBytes.addAndGet(-piece.byteSize());
  }

  @Override
  public void write(String name, long offset, MemorySegment piece) {
    Slot slot = slot(name);
    if (offset < 0 || offset + piece.byteSize() > slot.tensor.byteSize()) {
      throw new IllegalArgumentException(
          "%s: tensor %s has %s bytes but got bytes %s to %s"
              .formatted(
                  file,
                  JsonText.quote(name),
                  grouped(slot.tensor.byteSize()),
                  grouped(offset),
                  grouped(offset + piece.byteSize())));
    }
    writeFully(piece, slot.tensor.offset() + offset);
    synchronized (slot) {
      slot.written += piece.byteSize();
    }
    missingBytes.addAndGet(-piece.byteSize());
  }

  private Slot slot(String name) {
    Slot slot = slots.get(name);
    if (slot == null) {
      throw new IllegalArgumentException(file + ": no tensor " + name + " was declared");
    }
    return slot;
  }

  private void writeFully(MemorySegment piece, long position) {
    if (piece.isNative()) {
      for (long done = 0; done < piece.byteSize(); done += CHUNK) {
        long bytes = Math.min(CHUNK, piece.byteSize() - done);
        writeFully(piece.asSlice(done, bytes).asByteBuffer(), position + done);
      }
      return;
    }
    // Heap arrays pass through a small buffer of our own: the channel would keep one per thread.
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(Math.min(CHUNK, piece.byteSize()));
      for (long done = 0; done < piece.byteSize(); done += CHUNK) {
        long bytes = Math.min(CHUNK, piece.byteSize() - done);
        MemorySegment.copy(piece, done, buffer, 0, bytes);
        writeFully(buffer.asSlice(0, bytes).asByteBuffer(), position + done);
      }
    }
  }

  private void writeFully(ByteBuffer bytes, long position) {
    try {
      long at = position;
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, missingBytes.get(), e);
    }
  }

  /** Whether every declared byte was written. */
  boolean isComplete() {
    return missingBytes.get() == 0;
  }

  /**
   * Closes a file that has every declared byte. Further calls do nothing.
   *
   * @throws IllegalStateException if bytes are missing
   * @throws ExportException if the file cannot be closed
   */
  public synchronized void finish() {
    if (finished) {
      return;
    }
    if (!isComplete()) {
      Slot first =
          slots.values().stream()
              .filter(slot -> slot.written < slot.tensor.byteSize())
              .findFirst()
              .orElseThrow();
      throw new IllegalStateException(
          "%s: %s of %s bytes were not written, the first of them of tensor %s (has %s of %s)"
              .formatted(
                  file,
                  grouped(missingBytes.get()),
                  grouped(layout.byteSize()),
                  JsonText.quote(first.tensor.info().name()),
                  grouped(first.written),
                  grouped(first.tensor.byteSize())));
    }
    try {
      channel.close();
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, 0, e);
    }
    finished = true;
  }

  /** Closes the file and, unless it was finished, removes it. */
  @Override
  public synchronized void close() {
    if (finished) {
      return;
    }
    try {
      channel.close();
      Files.deleteIfExists(file);
    } catch (IOException e) {
      LOG.warn("{}: the unfinished file could not be removed: {}", file, e.toString());
    }
  }
}
