package org.modelopt.transform;

/**
 * Rotation of every run of {@code block} consecutive channels by an orthonormal Hadamard matrix:
 * {@code x H / sqrt(block)}.
 *
 * <p>H is the Kronecker product of a Hadamard matrix of order K and the Sylvester matrix of order
 * 2^p, K the smallest order that {@link Hadamard} knows with {@code K 2^p = block}. For a power of
 * two it is symmetric, so that rotating twice gives the input back; {@code inverse} is the
 * transpose for the others.
 *
 * @param block channels that are rotated together
 * @param inverse whether to multiply by the transpose of H
 */
public record Rotation(int block, boolean inverse) {
  /** Checks that there is a matrix of the order. */
  public Rotation {
    if (!Hadamard.exists(block)) {
      throw new IllegalArgumentException(
          "there is no Hadamard matrix of order %d here; the largest power of two in it is %d"
              .formatted(block, Integer.lowestOneBit(block)));
    }
  }

  /** The rotation of runs of {@code block} channels. */
  public static Rotation of(int block) {
    return new Rotation(block, false);
  }

  /** What undoes this rotation. */
  public Rotation inverted() {
    return Hadamard.isSymmetric(block) ? this : new Rotation(block, !inverse);
  }

  /**
   * Rotates in place, in float64.
   *
   * @param values a row; its length is a multiple of {@code block}
   */
  public void apply(double[] values) {
    if (values.length % block != 0) {
      throw new IllegalArgumentException(
          "runs of %d do not fill %d channels".formatted(block, values.length));
    }
    double norm = 1 / Math.sqrt(block);
    for (int from = 0; from < values.length; from += block) {
      Hadamard.multiply(values, from, block, inverse);
    }
    for (int i = 0; i < values.length; i++) {
      values[i] *= norm;
    }
  }
}
