package org.modelopt.export.gguf.container;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;
import org.modelopt.error.ExportException;
import org.modelopt.publish.DiskSpace;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills in a file that was planned. Pieces may come in any order and from several threads; each
 * byte of each tensor is written once.
 */
public final class GgufWriter implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GgufWriter.class);

  private final Path file;
  private final GgufLayout layout;
  private final FileChannel channel;
  private final AtomicLong missing;
  private boolean finished;

  private GgufWriter(Path file, GgufLayout layout, FileChannel channel) {
    this.file = file;
    this.layout = layout;
    this.channel = channel;
    this.missing = new AtomicLong(layout.tensors().stream().mapToLong(GgufTensor::byteSize).sum());
  }

  /**
   * Makes the file, with everything before its tensors.
   *
   * @throws ExportException if it exists already or cannot be written
   */
  public static GgufWriter create(Path file, GgufLayout layout) {
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
      GgufWriter writer = new GgufWriter(file, layout, channel);
      writer.write(ByteBuffer.wrap(layout.header()), 0);
      return writer;
    } catch (FileAlreadyExistsException e) {
      throw new ExportException(file + ": exists already and is not overwritten", e);
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, layout.fileBytes(), e);
    }
  }

  /**
   * Writes part of a tensor.
   *
   * @param offset first byte, counted from the start of the tensor
   * @throws IllegalArgumentException if the tensor was not declared or the piece is beyond its end
   * @throws ExportException if the bytes cannot be written
   */
  public void write(GgufTensor tensor, long offset, MemorySegment piece) {
    if (offset < 0 || piece.byteSize() > tensor.byteSize() - offset) {
      throw new IllegalArgumentException(
          "%s: %d bytes at %d are beyond its %d"
              .formatted(tensor.name(), piece.byteSize(), offset, tensor.byteSize()));
    }
    write(piece.asByteBuffer(), layout.position(tensor) + offset);
    missing.addAndGet(-piece.byteSize());
  }

  private void write(ByteBuffer bytes, long position) {
    try {
      long at = position;
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, missing.get(), e);
    }
  }

  /**
   * Ends a file that has all its bytes.
   *
   * @throws IllegalStateException if bytes are missing or some were written twice
   * @throws ExportException if the end cannot be written
   */
  public void finish() {
    if (missing.get() != 0) {
      throw new IllegalStateException(
          "%s: %d bytes of tensors were not written".formatted(file, missing.get()));
    }
    try {
      // Gaps between tensors are holes, which read as zeros; the end needs a byte to exist.
      if (channel.size() < layout.fileBytes()) {
        write(ByteBuffer.wrap(new byte[1]), layout.fileBytes() - 1);
      }
      channel.close();
    } catch (IOException e) {
      throw DiskSpace.writeFailure(file, 0, e);
    }
    finished = true;
  }

  /** Closes the file and, unless it was finished, removes it. */
  @Override
  public void close() {
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
