package org.modelopt.export.write;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** The files with tensors of one checkpoint, before they are written. */
public interface CheckpointFiles {
  /** Size of all of them in bytes. */
  long fileBytes();

  /** Size of all tensors in them in bytes. */
  long tensorBytes();

  /** Begins to write them into an existing directory. */
  Writer open(Path directory);

  /** Files that are being written. Closing a writer that was not finished removes them. */
  interface Writer extends AutoCloseable {
    /**
     * Writes bytes to their place; several threads may write to different places.
     *
     * @throws org.modelopt.error.ExportException if they cannot be written
     */
    void write(Place place, MemorySegment bytes);

    /**
     * Completes the files.
     *
     * @throws IllegalStateException if bytes are missing
     * @throws org.modelopt.error.ExportException if a file cannot be written
     */
    void finish();

    @Override
    void close();
  }
}
