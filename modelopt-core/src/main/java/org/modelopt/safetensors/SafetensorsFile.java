package org.modelopt.safetensors;

import static org.modelopt.safetensors.Figures.grouped;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.modelopt.error.CheckpointException;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/**
 * One safetensors file: its header read and checked, its tensors mapped when they are opened.
 *
 * <p>The file is not held open. An instance is immutable and safe for use by several threads.
 */
public final class SafetensorsFile implements TensorSource {
  private final Path file;
  private final Header header;
  private final BasicFileAttributes attributes;
  private final Map<String, StoredTensor> byName = new LinkedHashMap<>();
  private final List<TensorInfo> tensors;

  private SafetensorsFile(Path file, Header header, BasicFileAttributes attributes) {
    this.file = file;
    this.header = header;
    this.attributes = attributes;
    header.tensors().forEach(tensor -> byName.put(tensor.info().name(), tensor));
    this.tensors = header.tensors().stream().map(StoredTensor::info).toList();
  }

  /**
   * Reads and checks the header of {@code file}; no tensor data is read.
   *
   * @throws CheckpointException if the file cannot be read or breaks a rule of the format: the
   *     tensors must be well described and fill the file from the header to its end without holes,
   *     overlaps or trailing bytes
   */
  public static SafetensorsFile open(Path file) {
    try (FileChannel channel = openForReading(file)) {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new SafetensorsFile(file, HeaderReader.read(file, channel), attributes);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e, e);
    }
  }

  private static FileChannel openForReading(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new CheckpointException(file + " is a directory, expected a safetensors file");
    }
    try {
      return FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(file + ": no such file", e);
    }
  }

  /** Where the file is. */
  public Path path() {
    return file;
  }

  /** Size of the file in bytes. */
  public long byteSize() {
    return header.fileBytes();
  }

  /** The entries of {@code __metadata__} by code point order of their keys; empty if absent. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** All tensors with the place of their bytes, in the order of their bytes. */
  public List<StoredTensor> storedTensors() {
    return header.tensors();
  }

  /** All tensors, in the order of their bytes. */
  @Override
  public List<TensorInfo> tensors() {
    return tensors;
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return findStored(name).map(StoredTensor::info);
  }

  /** The tensor called {@code name} with the place of its bytes, if there is one. */
  public Optional<StoredTensor> findStored(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /**
   * Maps the bytes of one tensor, and no others, read-only.
   *
   * @param arena owner of the mapping: closing it unmaps the bytes and gives their memory back
   * @throws CheckpointException if there is no such tensor, or the file was changed, replaced or
   *     cut since its header was read
   */
  @Override
  public Tensor open(String name, Arena arena) {
    StoredTensor stored =
        findStored(name)
            .orElseThrow(() ->
                new CheckpointException(
                    "%s: there is no tensor %s".formatted(file, JsonText.quote(name))));
    try (FileChannel channel = openForReading(file)) {
      checkUnchanged(channel);
      long bytes = stored.byteSize();
      MemorySegment segment =
          bytes == 0
              ? arena.allocate(0).asReadOnly()
              : channel.map(MapMode.READ_ONLY, stored.offset(), bytes, arena);
      return Tensor.of(stored.info().dtype(), stored.info().shape(), segment);
    } catch (IOException e) {
      throw new CheckpointException(
          "%s: tensor %s cannot be mapped: %s".formatted(file, JsonText.quote(name), e), e);
    }
  }

  /** A mapping past the end of a file that shrank would fault at its first use, far from here. */
  private void checkUnchanged(FileChannel channel) throws IOException {
    BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
    if (channel.size() != header.fileBytes()) {
      throw new CheckpointException(
          "%s: had %s bytes when its header was read and has %s now; open the checkpoint again once nothing writes to it"
              .formatted(file, grouped(header.fileBytes()), grouped(channel.size())));
    }
    if (!now.lastModifiedTime().equals(attributes.lastModifiedTime())
        || !Objects.equals(now.fileKey(), attributes.fileKey())) {
      throw new CheckpointException(
          "%s: was changed or replaced since its header was read (modified %s, then %s); open the checkpoint again"
                  .formatted(file, attributes.lastModifiedTime(), now.lastModifiedTime())
              + " once nothing writes to it");
    }
  }

  /** Path and number of tensors. */
  @Override
  public String toString() {
    return file + " (" + tensors.size() + " tensors)";
  }
}
