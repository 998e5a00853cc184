package org.modelopt.statistics;

import java.util.Arrays;
import org.modelopt.compute.ChannelSummary;

/**
 * What was seen of an activation {@code [t, channels]} over all samples; an immutable value.
 *
 * <p>{@link #merge} is associative and commutative for maxima and counts; {@link #meanAbsolute} is
 * a float64 sum in the order of merging. {@link #empty} is its identity.
 */
public final class Statistics {
  private final long rows;
  private final float[] channelAmax;
  private final double[] absoluteSum;

  private Statistics(long rows, float[] channelAmax, double[] absoluteSum) {
    this.rows = rows;
    this.channelAmax = channelAmax;
    this.absoluteSum = absoluteSum;
  }

  /** Nothing seen yet of a tensor with that many channels. */
  public static Statistics empty(int channels) {
    return new Statistics(0, new float[channels], new double[channels]);
  }

  /** What one activation matrix shows. */
  public static Statistics of(ChannelSummary summary) {
    return new Statistics(summary.rows(), summary.amax().clone(), summary.absoluteSum().clone());
  }

  /**
   * What this and {@code later} saw together.
   *
   * @throws IllegalArgumentException if the numbers of channels differ
   */
  public Statistics merge(Statistics later) {
    if (later.channels() != channels()) {
      throw new IllegalArgumentException(
          "cannot merge statistics of %d and %d channels".formatted(channels(), later.channels()));
    }
    float[] amax = channelAmax.clone();
    double[] sum = absoluteSum.clone();
    for (int c = 0; c < amax.length; c++) {
      amax[c] = Math.max(amax[c], later.channelAmax[c]); // NaN wins
      sum[c] += later.absoluteSum[c];
    }
    return new Statistics(rows + later.rows, amax, sum);
  }

  /** Everything seen, as arrays that belong to the caller. */
  public ChannelSummary summary() {
    return new ChannelSummary(rows, channelAmax.clone(), absoluteSum.clone());
  }

  /** Number of channels. */
  public int channels() {
    return channelAmax.length;
  }

  /** Number of rows (tokens) seen. */
  public long rows() {
    return rows;
  }

  /** Largest magnitude seen; 0 if nothing was seen, NaN if a NaN was. */
  public float amax() {
    float amax = 0;
    for (float value : channelAmax) {
      amax = Math.max(amax, value);
    }
    return amax;
  }

  /** Largest magnitude seen in channel {@code c}. */
  public float channelAmax(int c) {
    return channelAmax[c];
  }

  /** Mean magnitude of channel {@code c}; 0 if nothing was seen. */
  public double meanAbsolute(int c) {
    return rows == 0 ? 0 : absoluteSum[c] / rows;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Statistics that
        && rows == that.rows
        && Arrays.equals(channelAmax, that.channelAmax)
        && Arrays.equals(absoluteSum, that.absoluteSum);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(channelAmax) * 31 + Long.hashCode(rows);
  }

  /** Channels, rows and the largest magnitude. */
  @Override
  public String toString() {
    return "Statistics[channels=%d, rows=%d, amax=%s]".formatted(channels(), rows, amax());
  }
}
