package org.modelopt.quantize;

import java.util.Optional;

/**
 * What to say of a number of calibration samples: scales settle at some hundred; the reference's
 * advice is 512, and 1024 at most.
 *
 * @param few whether there are too few, which is worth a warning
 * @param text a sentence
 */
record SampleAdvice(boolean few, String text) {
  private static final long FEW = 512;
  private static final long MANY = 1024;

  static Optional<SampleAdvice> on(long samples) {
    if (samples < FEW) {
      return Optional.of(
          new SampleAdvice(
              true,
              "Calibrated on %,d samples; from %,d on scales are steadier."
                  .formatted(samples, FEW)));
    }
    return samples < MANY
        ? Optional.empty()
        : Optional.of(
            new SampleAdvice(
                false,
                "Calibrated on %,d samples; more than %,d buy little.".formatted(samples, MANY)));
  }
}
