package org.modelopt.export.gguf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufLayout;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.container.GgufWriter;

/** A GGUF file in memory that tests damage and write again. */
public final class GgufCopy {
  /** The metadata, to be changed. */
  public final SequencedMap<String, GgufValue> metadata;

  /** Bytes of tensors, to be changed. */
  public final Map<String, byte[]> bytes = new LinkedHashMap<>();

  /** Descriptions of tensors, to be changed. */
  public final Map<String, GgufTensor> tensors = new LinkedHashMap<>();

  private GgufCopy(GgufFile file) {
    this.metadata = new LinkedHashMap<>(file.metadata());
    try (Arena arena = Arena.ofConfined()) {
      for (GgufTensor tensor : file.tensors()) {
        tensors.put(tensor.name(), tensor);
        bytes.put(tensor.name(), file.open(tensor, arena).toArray(ValueLayout.JAVA_BYTE));
      }
    }
  }

  /** Reads a file. */
  public static GgufCopy of(Path file) {
    return new GgufCopy(GgufFile.open(file));
  }

  /** Adds, or replaces, a tensor. */
  public GgufCopy put(GgufTensor tensor, byte[] content) {
    tensors.put(tensor.name(), tensor);
    bytes.put(tensor.name(), content);
    return this;
  }

  /** Changes the bytes of a tensor. */
  public GgufCopy edit(String name, Consumer<byte[]> change) {
    change.accept(java.util.Objects.requireNonNull(bytes.get(name)));
    return this;
  }

  /** Writes a file, replacing one that is there. */
  public Path write(Path file) {
    List<GgufTensor> list = new ArrayList<>(tensors.values());
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    try (GgufWriter writer = GgufWriter.create(file, GgufLayout.of(metadata, list))) {
      list.forEach(
          tensor -> writer.write(tensor, 0, MemorySegment.ofArray(bytes.get(tensor.name()))));
      writer.finish();
    }
    return file;
  }
}
