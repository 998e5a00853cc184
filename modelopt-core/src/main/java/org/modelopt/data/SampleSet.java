package org.modelopt.data;

import java.util.List;
import org.modelopt.tensor.Tensor;

/**
 * Samples ready for a model, and an honest account of where they came from.
 *
 * @param source what was read, for reports
 * @param samples host tensors: I32 {@code [t]} token ids, or F32 {@code [t, features]}
 * @param asked samples asked for
 * @param read records read from the source
 * @param skipped records that gave no sample (too short, no text)
 */
public record SampleSet(String source, List<Tensor> samples, long asked, long read, long skipped) {
  /** Copies the list. */
  public SampleSet {
    samples = List.copyOf(samples);
  }

  /** Rows of all samples: tokens. */
  public long tokens() {
    return samples.stream().mapToLong(sample -> sample.shape().dim(0)).sum();
  }
}
