package org.modelopt.models.advice;

import java.util.OptionalDouble;

/**
 * What one format needs and may deliver; an estimate, not a measurement.
 *
 * @param format the format
 * @param supported whether the GPU has hardware for its products, or it needs none
 * @param weightBytes bytes of all weights
 * @param cacheBytesPerToken bytes that a token adds to the key-value cache
 * @param cacheTokens tokens that fit into what the weights leave free; 0 if they do not fit
 * @param batch sequences decoded together: those asked for, or as many as fit
 * @param tokensPerSecond decoded tokens per second over all sequences; 0 if it does not fit
 * @param dollarsPerMillionTokens cost of decoding, if a price is known and the model fits
 */
public record Estimate(
    Format format,
    boolean supported,
    double weightBytes,
    double cacheBytesPerToken,
    long cacheTokens,
    int batch,
    double tokensPerSecond,
    OptionalDouble dollarsPerMillionTokens) {
  /** Whether weights and at least one sequence fit. */
  public boolean fits() {
    return batch > 0;
  }
}
