package org.modelopt.statistics;

import java.util.Arrays;

/**
 * Counts of magnitudes in bins of equal width, growing as larger ones come.
 *
 * <p>The first values with a non-zero maximum fix the width: 2048 bins up to that maximum. Larger
 * values add bins of the same width; counts are never moved. NaN and infinities are refused. The
 * last edge belongs to the last bin, as in NumPy. Not safe for use by several threads.
 */
public final class Histogram {
  /** Bins over the range of the first values. */
  public static final int FIRST_BINS = 2048;

  private static final int MOST_BINS = 1 << 24;

  private long[] counts = new long[0];
  private double width;
  private long zerosBefore;

  /** Counts the magnitudes of {@code values}. */
  public void add(float... values) {
    float most = 0;
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new IllegalArgumentException(
            "a histogram cannot count " + value + "; look at the layer that made it");
      }
      most = Math.max(most, Math.abs(value));
    }
    if (counts.length == 0) {
      if (most == 0) {
        zerosBefore += values.length;
        return;
      }
      width = (double) most / FIRST_BINS;
      counts = new long[FIRST_BINS];
      counts[0] = zerosBefore;
    }
    if (most > width * counts.length) {
      double bins = Math.ceil(most / width);
      if (bins > MOST_BINS) {
        throw new IllegalArgumentException(
            "a magnitude of %s needs %.0f bins of %s; the first values were far smaller"
                .formatted(most, bins, width));
      }
      counts = Arrays.copyOf(counts, (int) bins);
    }
    for (float value : values) {
      counts[Math.min(counts.length - 1, (int) (Math.abs(value) / width))]++;
    }
  }

  /** A copy of the counts, from the bin at zero on; empty if only zeros were seen. */
  public long[] counts() {
    return counts.clone();
  }

  /** Lower edge of bin {@code i}; that of the bin after the last is the upper end. */
  public double edge(int i) {
    return i * width;
  }
}
