package org.modelopt.compute;

import org.modelopt.tensor.Tensor;

/** Merges the summaries that a backend gives, matrix by matrix. */
final class HostChannelObserver implements ChannelObserver {
  private final Backend backend;
  private final float[] amax;
  private final double[] absoluteSum;
  private long rows;

  HostChannelObserver(Backend backend, int channels) {
    this.backend = backend;
    this.amax = new float[channels];
    this.absoluteSum = new double[channels];
  }

  @Override
  public void add(Tensor x) {
    if (x.shape().columns() != amax.length) {
      throw new IllegalArgumentException(
          "expected %d channels but found %s".formatted(amax.length, x));
    }
    ChannelSummary summary = backend.summarize(x);
    rows += summary.rows();
    for (int c = 0; c < amax.length; c++) {
      amax[c] = Math.max(amax[c], summary.amax()[c]); // NaN wins
      absoluteSum[c] += summary.absoluteSum()[c];
    }
  }

  @Override
  public ChannelSummary summary() {
    return new ChannelSummary(rows, amax.clone(), absoluteSum.clone());
  }

  @Override
  public void close() {}
}
