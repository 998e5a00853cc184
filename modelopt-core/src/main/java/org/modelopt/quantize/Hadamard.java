package org.modelopt.quantize;

/**
 * Orthonormal Sylvester-Hadamard rotation of runs of consecutive channels, {@code x H / sqrt(n)}.
 *
 * <p>The matrix is symmetric and its own inverse: rotating twice gives the input back, and rotating
 * inputs and the rows of a weight {@code [out, in]} alike leaves {@code x Wᵀ} unchanged. Float64
 * inside, rounded once. Source: QuaRot (arXiv 2404.00456); block-wise, MR-GPTQ (arXiv 2509.23202).
 */
public final class Hadamard {
  private Hadamard() {}

  /** The largest power of two that divides {@code channels}: the widest block that fits. */
  public static int widestBlock(int channels) {
    return Integer.lowestOneBit(channels);
  }

  /**
   * A copy with every run of {@code block} columns rotated.
   *
   * @param block a power of two that divides the number of columns
   */
  public static Matrix rotate(Matrix matrix, int block) {
    if (block < 1 || Integer.bitCount(block) != 1 || matrix.columns() % block != 0) {
      throw new IllegalArgumentException(
          "blocks of %d do not divide %d columns, or are no power of two; %d would fit"
              .formatted(block, matrix.columns(), widestBlock(matrix.columns())));
    }
    float[] rotated = new float[matrix.values().length];
    double[] work = new double[block];
    double norm = 1 / Math.sqrt(block);
    for (int from = 0; from < rotated.length; from += block) {
      for (int i = 0; i < block; i++) {
        work[i] = matrix.values()[from + i];
      }
      transform(work);
      for (int i = 0; i < block; i++) {
        rotated[from + i] = (float) (work[i] * norm);
      }
    }
    return new Matrix(matrix.rows(), matrix.columns(), rotated);
  }

  private static void transform(double[] values) {
    for (int half = 1; half < values.length; half *= 2) {
      for (int from = 0; from < values.length; from += 2 * half) {
        for (int i = from; i < from + half; i++) {
          double a = values[i];
          double b = values[i + half];
          values[i] = a + b;
          values[i + half] = a - b;
        }
      }
    }
  }
}
