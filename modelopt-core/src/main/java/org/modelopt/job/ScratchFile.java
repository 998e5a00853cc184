package org.modelopt.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.error.DeviceException;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Tensors that need not be in memory, in a nameless temporary file that vanishes with the last
 * tensor in it. Tensors of less than a page stay in memory.
 */
public final class ScratchFile implements AutoCloseable {
  private static final long PAGE = 4096;

  /** A tensor in the file; holding it keeps the file. */
  private record Slot(ScratchFile file, long offset, DType dtype, Shape shape)
      implements StoredTensor {
    @Override
    public Tensor open(Arena arena) {
      return file.map(this, arena);
    }
  }

  private final Optional<Path> directory;
  private @Nullable FileChannel channel;
  private long end;

  /**
   * A file that is made when it is needed.
   *
   * @param directory where; the system's temporary directory if empty
   */
  public ScratchFile(Optional<Path> directory) {
    this.directory = directory;
  }

  /** Stores a copy of {@code tensor}, which is on the host. */
  public StoredTensor put(Tensor tensor) {
    if (tensor.byteSize() < PAGE) {
      Tensor copy = Tensor.allocate(Arena.ofAuto(), tensor.dtype(), tensor.shape());
      copy.segment().copyFrom(tensor.segment());
      return StoredTensor.of(copy);
    }
    try (Arena arena = Arena.ofConfined()) {
      long offset = end;
      MemorySegment place = opened().map(MapMode.READ_WRITE, offset, tensor.byteSize(), arena);
      place.copyFrom(tensor.segment());
      end += Math.ceilDiv(tensor.byteSize(), PAGE) * PAGE;
      return new Slot(this, offset, tensor.dtype(), tensor.shape());
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /** Stores a copy of {@code scales}. */
  public StoredScales put(Scales scales) {
    return new StoredScales(
        put(scales.values()), scales.globalScale(), scales.zeroPoints().map(this::put));
  }

  private Tensor map(Slot slot, Arena arena) {
    long bytes = slot.dtype.byteSize(slot.shape.elements());
    try {
      return Tensor.of(
          slot.dtype, slot.shape, opened().map(MapMode.READ_ONLY, slot.offset, bytes, arena));
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private FileChannel opened() throws IOException {
    FileChannel opened = channel;
    if (opened == null) {
      Path folder = directory.orElseGet(() -> Path.of(System.getProperty("java.io.tmpdir", ".")));
      Path path = Files.createTempFile(folder, "modelopt-decisions-", ".tmp");
      opened =
          FileChannel.open(
              path,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
      channel = opened;
    }
    return opened;
  }

  private DeviceException failure(IOException e) {
    return new DeviceException(
        "scales and codes could not be kept in a file in %s (%s); give a directory with more room"
            .formatted(
                directory.map(Path::toString).orElse("the system's temporary directory"),
                e.getMessage()),
        e);
  }

  /** Gives the file back; its tensors must not be opened any more. */
  @Override
  public void close() {
    FileChannel opened = channel;
    channel = null;
    end = 0;
    if (opened != null) {
      try {
        opened.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
