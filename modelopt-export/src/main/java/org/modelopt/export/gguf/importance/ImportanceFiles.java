package org.modelopt.export.gguf.importance;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.modelopt.error.DataException;
import org.modelopt.export.gguf.container.GgufFile;
import org.modelopt.export.gguf.container.GgufLayout;
import org.modelopt.export.gguf.container.GgufTensor;
import org.modelopt.export.gguf.container.GgufValue;
import org.modelopt.export.gguf.container.GgufWriter;
import org.modelopt.formats.ggml.GgmlType;
import org.modelopt.publish.Publication;
import org.modelopt.tensor.Tensor;

/** The two file forms of an importance matrix. */
final class ImportanceFiles {
  private static final String SUMS = ".in_sum2";
  private static final String COUNTS = ".counts";
  private static final int MAGIC = 0x46554747;

  private ImportanceFiles() {}

  static ImportanceMatrix read(Path file) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new DataException(file + " cannot be read: " + e, e);
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return bytes.length >= 4 && buffer.getInt(0) == MAGIC ? readGguf(file) : readOld(file, buffer);
  }

  private static ImportanceMatrix readGguf(Path file) {
    GgufFile gguf = GgufFile.open(file);
    List<String> datasets =
        gguf.findTexts("imatrix.datasets").orElseThrow(() -> missing(file, "imatrix.datasets"));
    SequencedMap<String, ImportanceMatrix.Entry> entries = new LinkedHashMap<>();
    for (GgufTensor sums : gguf.tensors()) {
      if (!sums.name().endsWith(SUMS)) {
        continue;
      }
      String name = sums.name().substring(0, sums.name().length() - SUMS.length());
      GgufTensor counts = gguf.find(name + COUNTS).orElseThrow(() -> missing(file, name + COUNTS));
      if (counts.extent(0) != 1 || counts.extent(1) != sums.extent(1)) {
        throw new DataException(
            "%s: %s has extents %s, not one count for each of %d matrices"
                .formatted(file, counts.name(), counts.extents(), sums.extent(1)));
      }
      entries.put(name, new ImportanceMatrix.Entry(floats(gguf, sums), floats(gguf, counts)));
    }
    return new ImportanceMatrix(
        entries, datasets, count(gguf, "imatrix.chunk_count"), count(gguf, "imatrix.chunk_size"));
  }

  private static int count(GgufFile file, String key) {
    return (int) file.findU32(key).orElseThrow(() -> missing(file.path(), key));
  }

  private static DataException missing(Path file, String what) {
    return new DataException(
        "%s: has no %s, so it is no importance matrix; make one with llama-imatrix"
            .formatted(file, what));
  }

  private static List<Float> floats(GgufFile file, GgufTensor tensor) {
    if (tensor.type() != GgmlType.F32) {
      throw new DataException(
          "%s: %s is %s, not F32".formatted(file.path(), tensor.name(), tensor.type()));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = file.open(tensor, arena);
      List<Float> values = new ArrayList<>();
      for (long i = 0; i < tensor.elements(); i++) {
        values.add(bytes.get(Tensor.FLOAT, 4 * i));
      }
      return values;
    }
  }

  /** Means times a number of calls, for each tensor. */
  private static ImportanceMatrix readOld(Path file, ByteBuffer bytes) {
    try {
      int count = bytes.getInt();
      SequencedMap<String, ImportanceMatrix.Entry> entries = new LinkedHashMap<>();
      for (int i = 0; i < count; i++) {
        String name = text(bytes);
        int calls = bytes.getInt();
        int size = bytes.getInt();
        if (size <= 0 || size > bytes.remaining() / 4) {
          throw damaged(file, bytes, null);
        }
        List<Float> sums = new ArrayList<>(size);
        for (int k = 0; k < size; k++) {
          sums.add(bytes.getFloat());
        }
        // Experts are not told apart: one count serves all, and 0 means that sums are means.
        entries.put(name, new ImportanceMatrix.Entry(sums, List.of((float) Math.max(1, calls))));
      }
      int chunks = bytes.remaining() >= 4 ? bytes.getInt() : 0;
      List<String> datasets = bytes.remaining() >= 4 ? List.of(text(bytes)) : List.of();
      if (count <= 0) {
        throw damaged(file, bytes, null);
      }
      return new ImportanceMatrix(entries, datasets, chunks, 0);
    } catch (java.nio.BufferUnderflowException | IllegalArgumentException e) {
      throw damaged(file, bytes, e);
    }
  }

  private static String text(ByteBuffer bytes) {
    int length = bytes.getInt();
    if (length < 0 || length > bytes.remaining()) {
      throw new IllegalArgumentException("a length of " + length);
    }
    byte[] utf8 = new byte[length];
    bytes.get(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
  }

  private static DataException damaged(
      Path file, ByteBuffer bytes, @org.jspecify.annotations.Nullable Exception cause) {
    String text =
        "%s: at byte %d: is no importance matrix, or a damaged one"
            .formatted(file, bytes.position());
    return cause == null ? new DataException(text) : new DataException(text, cause);
  }

  static void write(ImportanceMatrix matrix, Path file) {
    SequencedMap<String, GgufValue> metadata = new LinkedHashMap<>();
    metadata.put("general.type", GgufValue.text("imatrix"));
    metadata.put("imatrix.datasets", GgufValue.texts(matrix.datasets()));
    metadata.put("imatrix.chunk_count", GgufValue.u32(matrix.chunks()));
    metadata.put("imatrix.chunk_size", GgufValue.u32(matrix.chunkTokens()));
    List<GgufTensor> tensors = new ArrayList<>();
    List<List<Float>> values = new ArrayList<>();
    matrix
        .entries()
        .forEach((name, entry) -> {
          long matrices = entry.counts().size();
          tensors.add(
              GgufTensor.of(name + SUMS, GgmlType.F32, entry.sums().size() / matrices, matrices));
          values.add(entry.sums());
          tensors.add(GgufTensor.of(name + COUNTS, GgmlType.F32, 1, matrices));
          values.add(entry.counts());
        });
    GgufLayout layout = GgufLayout.of(metadata, tensors);
    try (Publication publication = Publication.ofFile(file)) {
      publication.requireFreeBytes(layout.fileBytes());
      try (GgufWriter writer = GgufWriter.create(publication.path(), layout)) {
        for (int i = 0; i < tensors.size(); i++) {
          writer.write(tensors.get(i), 0, bytes(values.get(i)));
        }
        writer.finish();
      }
      publication.commit();
    }
  }

  private static MemorySegment bytes(List<Float> values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.size()).order(ByteOrder.LITTLE_ENDIAN);
    values.forEach(bytes::putFloat);
    return MemorySegment.ofArray(bytes.array());
  }
}
