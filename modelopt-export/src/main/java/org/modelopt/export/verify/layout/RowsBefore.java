package org.modelopt.export.verify.layout;

/**
 * The linear layer whose outputs, each times something that does not depend on it, are the input of
 * another one: factors of the rows of the first can be taken back by the columns of the second.
 * Column c follows row {@code c / (run * repeats) * run + c % run}.
 *
 * @param path path of the first layer
 * @param run rows that stand together: the size of a head, or all rows
 * @param repeats how many runs of columns follow the same rows: query heads for each value head
 */
public record RowsBefore(String path, long run, long repeats) {
  /** The row that column {@code c} follows. */
  public int row(int c) {
    return Math.toIntExact(c / (run * repeats) * run + c % run);
  }
}
