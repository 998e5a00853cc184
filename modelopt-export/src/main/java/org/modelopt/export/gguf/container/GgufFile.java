package org.modelopt.export.gguf.container;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.SequencedMap;
import org.modelopt.error.CheckpointException;

/**
 * A GGUF file: its metadata read and checked, its tensors mapped when they are opened.
 *
 * <p>The file is not held open. An instance is immutable and safe for use by several threads.
 */
public final class GgufFile {
  private final Path path;
  private final SequencedMap<String, GgufValue> metadata;
  private final Map<String, Placed> tensors = new LinkedHashMap<>();
  private final int alignment;
  private final long fileBytes;

  /** A tensor and its first byte, counted from the start of the file. */
  record Placed(GgufTensor tensor, long position) {}

  GgufFile(
      Path path,
      SequencedMap<String, GgufValue> metadata,
      List<Placed> placed,
      int alignment,
      long fileBytes) {
    this.path = path;
    this.metadata = Collections.unmodifiableSequencedMap(metadata);
    placed.forEach(entry -> tensors.put(entry.tensor().name(), entry));
    this.alignment = alignment;
    this.fileBytes = fileBytes;
  }

  /**
   * Reads and checks everything but the tensors' values.
   *
   * @throws CheckpointException if the file cannot be read or breaks a rule of the format; the
   *     message names the offset
   */
  public static GgufFile open(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new GgufReader(path, bytes).read();
    } catch (IOException e) {
      throw new CheckpointException(path + ": cannot be read: " + e, e);
    }
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** All metadata in the order of the file. */
  public SequencedMap<String, GgufValue> metadata() {
    return metadata;
  }

  /** All tensors in the order of the file. */
  public List<GgufTensor> tensors() {
    return tensors.values().stream().map(Placed::tensor).toList();
  }

  /** The tensor called {@code name}, if there is one. */
  public Optional<GgufTensor> find(String name) {
    return Optional.ofNullable(tensors.get(name)).map(Placed::tensor);
  }

  /** Alignment of tensors in bytes. */
  public int alignment() {
    return alignment;
  }

  /** Size of the file in bytes. */
  public long fileBytes() {
    return fileBytes;
  }

  /** First byte of a tensor, counted from the start of the file. */
  public long position(GgufTensor tensor) {
    Placed placed = tensors.get(tensor.name());
    if (placed == null) {
      throw new IllegalArgumentException(path + " has no tensor " + tensor.name());
    }
    return placed.position();
  }

  /**
   * The bytes of a tensor, read-only, for as long as {@code arena} lives.
   *
   * @throws CheckpointException if the file cannot be read or has become shorter
   */
  public MemorySegment open(GgufTensor tensor, Arena arena) {
    long position = position(tensor);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      if (channel.size() < fileBytes) {
        throw new CheckpointException(path + " has become shorter since it was opened");
      }
      return channel.map(FileChannel.MapMode.READ_ONLY, position, tensor.byteSize(), arena);
    } catch (IOException e) {
      throw new CheckpointException(path + ": cannot be read: " + e, e);
    }
  }

  /** The value of {@code key}, if it is there and has that type. */
  public Optional<GgufValue> find(String key, ValueType type) {
    return Optional.ofNullable(metadata.get(key)).filter(value -> value.type() == type);
  }

  /** A text, if the key is there and is one. */
  public Optional<String> findText(String key) {
    return find(key, ValueType.STRING).map(value -> ((GgufValue.Text) value).value());
  }

  /** An unsigned 32-bit integer, if the key is there and is one. */
  public OptionalLong findU32(String key) {
    return find(key, ValueType.U32).stream()
        .mapToLong(value -> ((GgufValue.Figure) value).value().longValue())
        .findFirst();
  }

  /** A binary32 number, if the key is there and is one. */
  public OptionalDouble findF32(String key) {
    return find(key, ValueType.F32).stream()
        .mapToDouble(value -> ((GgufValue.Figure) value).value().doubleValue())
        .findFirst();
  }

  /** An array of texts, if the key is there and is one. */
  public Optional<List<String>> findTexts(String key) {
    return find(key, ValueType.ARRAY)
        .map(value -> (GgufValue.Items) value)
        .filter(items -> items.elementType() == ValueType.STRING)
        .map(items -> items.values().stream().map(v -> ((GgufValue.Text) v).value()).toList());
  }
}
