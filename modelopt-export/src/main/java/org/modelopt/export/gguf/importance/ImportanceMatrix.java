package org.modelopt.export.gguf.importance;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.error.DataException;

/**
 * Importance of the columns of weight matrices; an immutable value.
 *
 * @param entries by name of the tensor in GGUF, for example {@code blk.0.attn_q.weight}
 * @param datasets what text it was made with
 * @param chunks number of pieces of text
 * @param chunkTokens tokens of a piece
 */
public record ImportanceMatrix(
    SequencedMap<String, Entry> entries, List<String> datasets, int chunks, int chunkTokens) {
  /** Copies. */
  public ImportanceMatrix {
    entries = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(entries));
    datasets = List.copyOf(datasets);
  }

  /**
   * What was seen of one tensor.
   *
   * @param sums of squares, {@code [matrices, columns]} row-major; one matrix but for experts
   * @param counts tokens that each matrix saw
   */
  public record Entry(List<Float> sums, List<Float> counts) {
    /**
     * Copies and checks.
     *
     * @throws DataException if a number is negative or not finite, or sizes do not fit
     */
    public Entry {
      sums = List.copyOf(sums);
      counts = List.copyOf(counts);
      if (counts.isEmpty() || sums.size() % counts.size() != 0) {
        throw new DataException("%d sums for %d matrices".formatted(sums.size(), counts.size()));
      }
      for (List<Float> numbers : List.of(sums, counts)) {
        for (float number : numbers) {
          if (!(number >= 0) || Float.isInfinite(number)) {
            throw new DataException("an importance matrix cannot hold " + number);
          }
        }
      }
    }

    /**
     * Mean squares, {@code [matrices, columns]} row-major; all 1 for a matrix (an expert) that saw
     * nothing.
     */
    public float[] weights() {
      int columns = sums.size() / counts.size();
      float[] weights = new float[sums.size()];
      for (int i = 0; i < weights.length; i++) {
        float count = counts.get(i / columns);
        weights[i] = count > 0 ? sums.get(i) / count : 1;
      }
      return weights;
    }
  }

  /** The entry of a tensor, if there is one. */
  public Optional<Entry> find(String tensor) {
    return Optional.ofNullable(entries.get(tensor));
  }

  /**
   * Reads a file in the GGUF form or the older one.
   *
   * @throws org.modelopt.error.ModelOptException if it is neither, or damaged
   */
  public static ImportanceMatrix read(Path file) {
    return ImportanceFiles.read(file);
  }

  /**
   * Writes the GGUF form; the file appears complete or not at all.
   *
   * @throws org.modelopt.error.ExportException if {@code file} exists or cannot be written
   */
  public void write(Path file) {
    ImportanceFiles.write(this, file);
  }
}
