package org.modelopt.quantize;

/**
 * How the sensitivity of linears to formats is measured.
 *
 * @param measure what is measured
 * @param samples for {@link Measure#DIVERGENCE}: samples to measure it on, at least 1; the first of
 *     those that are calibrated on
 */
public record SensitivityOptions(Measure measure, int samples) {
  /** What is measured. */
  public enum Measure {
    /**
     * For each linear the squared error of its outputs over all tokens, as a share of their square,
     * weights' part from the second moment of the inputs, the inputs' part from sampled rows; times
     * the share of tokens that it sees. One pass.
     */
    OUTPUT_ERROR,
    /**
     * The KL divergence of the model's predictions if one unit alone is quantized, in nats a token.
     * The samples run through the rest of the model once for each option of each unit.
     */
    DIVERGENCE
  }

  /** Samples for the divergence unless said otherwise. */
  public static final int DEFAULT_SAMPLES = 8;

  /** Output errors. */
  public static final SensitivityOptions DEFAULT =
      new SensitivityOptions(Measure.OUTPUT_ERROR, DEFAULT_SAMPLES);

  /** Checks the number. */
  public SensitivityOptions {
    if (samples < 1) {
      throw new IllegalArgumentException("samples must be at least 1 but are " + samples);
    }
  }
}
