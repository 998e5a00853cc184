package org.modelopt.models.decoder;

/**
 * Rotary position embedding of an attention block.
 *
 * @param dims elements of each head that are rotated, from its first on; even
 * @param theta base of the frequencies
 * @param scaling how frequencies are stretched
 * @param interleaved whether neighbouring elements 2i and 2i + 1 are rotated instead of i and i +
 *     dims / 2
 */
public record RotarySpec(int dims, double theta, RotaryScaling scaling, boolean interleaved) {
  /** Checks the sizes. */
  public RotarySpec {
    if (dims < 2 || dims % 2 != 0 || !(theta > 0)) {
      throw new IllegalArgumentException(
          "rotary dimensions must be even and at least 2, theta positive: %d, %s"
              .formatted(dims, theta));
    }
  }

  /** Rotates the first half of the elements with the second. */
  public RotarySpec(int dims, double theta, RotaryScaling scaling) {
    this(dims, theta, scaling, false);
  }

  /** A copy that rotates neighbouring elements, or not. */
  public RotarySpec withInterleaved(boolean neighbours) {
    return new RotarySpec(dims, theta, scaling, neighbours);
  }

  /** Inverse frequencies for a sequence of {@code length} tokens, d/2 of them. */
  public float[] inverseFrequencies(int length) {
    return scaling.inverseFrequencies(dims, theta, length);
  }
}
