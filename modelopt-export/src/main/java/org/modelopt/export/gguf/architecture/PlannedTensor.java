package org.modelopt.export.gguf.architecture;

import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * One tensor of a GGUF file and where its values come from.
 *
 * @param name its name in the file
 * @param extents its sizes, the contiguous one first
 * @param content its values
 */
public record PlannedTensor(String name, List<Long> extents, Content content) {
  /** Copies the list. */
  public PlannedTensor {
    extents = List.copyOf(extents);
  }

  /** Length of a row. */
  public long columns() {
    return extents.getFirst();
  }

  /** Whether it is the weight of a matrix product or a table of embeddings. */
  public boolean isMatrix() {
    return extents.size() > 1
        && name.endsWith(".weight")
        && !name.endsWith("_norm.weight")
        && !name.contains("ffn_gate_inp");
  }

  /** Where values come from. */
  public sealed interface Content {}

  /**
   * Rows of stored tensors.
   *
   * @param parts one after the other
   * @param addend what is added to every value
   */
  public record Stored(List<Part> parts, float addend) implements Content {
    /** Copies the list. */
    public Stored {
      parts = List.copyOf(parts);
    }
  }

  /** Values that follow from the configuration, in F32. */
  public record Computed(List<Float> values) implements Content {
    /** Copies the list. */
    public Computed {
      values = List.copyOf(values);
    }
  }

  /**
   * Some rows of a stored tensor, which is seen as a matrix of all its rows.
   *
   * @param source name of the stored tensor
   * @param rows how many
   * @param row which row of the source each of them is
   * @param transposed of a source {@code [experts, in, out]}, the number of rows of each matrix:
   *     row r of expert e is then column r of its matrix. 0 for tensors that are not transposed
   */
  public record Part(String source, long rows, LongUnaryOperator row, long transposed) {
    /** Rows as they are stored. */
    static Part of(String source, long rows) {
      return new Part(source, rows, LongUnaryOperator.identity(), 0);
    }

    /** Chosen rows. */
    static Part of(String source, long rows, LongUnaryOperator row) {
      return new Part(source, rows, row, 0);
    }
  }
}
