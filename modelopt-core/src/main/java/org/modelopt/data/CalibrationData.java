package org.modelopt.data;

import java.util.Optional;

/** A source of samples and how much of it to take; an immutable value. */
public interface CalibrationData {
  /**
   * Reads the samples.
   *
   * @param encoder the model's text encoder, for sources of text
   * @throws org.modelopt.error.DataException if the source is missing, malformed, has no usable
   *     sample, or needs an encoder and there is none
   */
  SampleSet read(Optional<TextEncoder> encoder);
}
