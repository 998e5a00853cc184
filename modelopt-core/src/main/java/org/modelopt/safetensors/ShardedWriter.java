package org.modelopt.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.error.ExportException;
import org.modelopt.publish.DiskSpace;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the files of a {@link ShardPlan}, and their index if there are several.
 *
 * <p>A file is created when its first byte comes and closed when its last one has come, so that a
 * job that goes through the model once has few files open. Closing a writer that was not finished
 * removes the files it made.
 */
public final class ShardedWriter implements TensorSink, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ShardedWriter.class);

  private final Path directory;
  private final ShardPlan plan;
  private final Map<String, Part> partOfTensor = new LinkedHashMap<>();
  private final Map<String, TensorInfo> infoOfTensor = new LinkedHashMap<>();
  private final List<Part> parts;
  private boolean finished;

  /** One file, and its writer once there is one. */
  private final class Part {
    final Path file;
    final SafetensorsLayout layout;
    @Nullable SafetensorsWriter writer;

    Part(ShardPlan.Shard shard) {
      this.file = directory.resolve(shard.fileName());
      this.layout = shard.layout();
    }

    synchronized SafetensorsWriter writer() {
      if (writer == null) {
        writer = SafetensorsWriter.create(file, layout);
      }
      return writer;
    }

    synchronized void discard() {
      if (writer == null) {
        return;
      }
      writer.close();
      delete(file);
    }
  }

  private ShardedWriter(Path directory, ShardPlan plan) {
    this.directory = directory;
    this.plan = plan;
    this.parts = plan.shards().stream().map(Part::new).toList();
    for (Part part : parts) {
      for (StoredTensor tensor : part.layout.tensors()) {
        partOfTensor.put(tensor.info().name(), part);
        infoOfTensor.put(tensor.info().name(), tensor.info());
      }
    }
  }

  /** A writer of the planned files into an existing directory. */
  public static ShardedWriter create(Path directory, ShardPlan plan) {
    return new ShardedWriter(directory, plan);
  }

  /** All tensors, file after file, within a file in the order of their bytes. */
  @Override
  public List<TensorInfo> tensors() {
    return List.copyOf(infoOfTensor.values());
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(infoOfTensor.get(name));
  }

  @Override
  public void write(String name, MemorySegment piece) {
    SafetensorsWriter writer = part(name).writer();
    writer.write(name, piece);
    finishIfComplete(writer);
  }

  @Override
  public void write(String name, long offset, MemorySegment piece) {
    SafetensorsWriter writer = part(name).writer();
    writer.write(name, offset, piece);
    finishIfComplete(writer);
  }

  private Part part(String name) {
    Part part = partOfTensor.get(name);
    if (part == null) {
      throw new IllegalArgumentException(directory + ": no tensor " + name + " was declared");
    }
    return part;
  }

  private static void finishIfComplete(SafetensorsWriter writer) {
    if (writer.isComplete()) {
      writer.finish();
    }
  }

  /**
   * Checks that all files are complete and writes the index.
   *
   * @throws IllegalStateException if bytes are missing
   * @throws ExportException if a file cannot be written
   */
  public void finish() {
    parts.forEach(part -> part.writer().finish());
    plan.index().ifPresent(this::writeIndex);
    finished = true;
  }

  private void writeIndex(String index) {
    Path file = directory.resolve(SafetensorsCheckpoint.INDEX_FILE);
    try {
      Files.createFile(file);
    } catch (IOException e) {
      throw new ExportException(file + ": cannot be created: " + e, e);
    }
    try {
      Files.writeString(file, index);
    } catch (IOException e) {
      delete(file);
      throw DiskSpace.writeFailure(file, index.length(), e);
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      LOG.warn("{}: could not be removed: {}", file, e.toString());
    }
  }

  /** Closes all files and, unless they were finished, removes them. */
  @Override
  public void close() {
    if (!finished) {
      parts.forEach(Part::discard);
    }
  }
}
