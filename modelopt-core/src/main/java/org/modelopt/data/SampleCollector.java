package org.modelopt.data;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Gathers token ids of samples and counts what became of the records they were made from. */
final class SampleCollector {
  private final String source;
  private final int asked;
  private final int maxLength;
  private final List<Tensor> samples = new ArrayList<>();
  private long read;
  private long skipped;

  SampleCollector(String source, int asked, int maxLength) {
    this.source = source;
    this.asked = asked;
    this.maxLength = maxLength;
  }

  boolean isFull() {
    return samples.size() >= asked;
  }

  /** One more record: its first tokens become a sample, if it has enough. */
  void add(int[] ids) {
    read++;
    int length = Math.min(ids.length, maxLength);
    if (length < SampleSource.LEAST_TOKENS) {
      skipped++;
      return;
    }
    // Collected with the tensor: samples have no owner that could close anything.
    int[] kept = length == ids.length ? ids : Arrays.copyOf(ids, length);
    samples.add(Tensor.ofInts(Arena.ofAuto(), Shape.of(length), kept));
  }

  SampleSet finish() {
    return new SampleSet(source, samples, asked, read, skipped);
  }
}
