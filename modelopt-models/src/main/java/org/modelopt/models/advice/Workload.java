package org.modelopt.models.advice;

/**
 * What is to be served.
 *
 * @param gpus GPUs that share one copy of the model
 * @param context tokens of prompt and answer that a sequence holds at once
 * @param concurrency sequences decoded together
 * @param cacheBits bits per element of the key-value cache, 16, or 8 for FP8
 */
public record Workload(int gpus, int context, int concurrency, int cacheBits) {
  /** Checks the ranges. */
  public Workload {
    if (gpus < 1 || context < 1 || concurrency < 1) {
      throw new IllegalArgumentException(
          "gpus %d, context %d and concurrency %d must be positive"
              .formatted(gpus, context, concurrency));
    }
    if (cacheBits != 8 && cacheBits != 16) {
      throw new IllegalArgumentException("cache elements have 8 or 16 bits, not " + cacheBits);
    }
  }
}
