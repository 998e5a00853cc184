package org.modelopt.model;

/**
 * What makes the tensor that an input group reads, as far as factors of its channels can be moved
 * into it.
 */
public sealed interface Producer {
  /**
   * A normalisation whose result is multiplied by {@code w + offset}, and that no linear outside
   * the groups which name this parameter reads.
   *
   * @param parameter tensor name of the weight w {@code [in]}
   * @param offset 0, or 1 where the stored weight stands for 1 + w
   */
  record Norm(String parameter, float offset) implements Producer {}

  /**
   * Outputs of a linear, each times something that does not depend on them: values of attention, or
   * the ungated half of a gated feed-forward part. Channel c of the group's input follows row
   * {@code c / (run * repeats) * run + c % run}.
   *
   * @param linear name of the linear
   * @param run rows that stand together: the size of a head; the number of rows where each is read
   *     once
   * @param repeats how many runs of channels follow the same run of rows: query heads that share a
   *     key-value head
   */
  record Rows(String linear, int run, int repeats) implements Producer {
    /** Checks the sizes. */
    public Rows {
      if (run < 1 || repeats < 1) {
        throw new IllegalArgumentException("runs and repeats are at least 1");
      }
    }

    /** Channels that follow the outputs of {@code linear} one by one. */
    public static Rows of(Linear linear) {
      return new Rows(linear.name(), Math.toIntExact(linear.outFeatures()), 1);
    }

    /** The row that channel {@code c} follows. */
    public int row(int c) {
      return c / (run * repeats) * run + c % run;
    }
  }
}
