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

  /** What a file kept. */
  static Histogram of(long[] counts, double width, long zerosBefore) {
    Histogram histogram = new Histogram();
    histogram.counts = counts.clone();
    histogram.width = width;
    histogram.zerosBefore = zerosBefore;
    return histogram;
  }

  /**
   * Adds what {@code later} counted, after what this counted. Bins of another width are counted
   * where their middle lies, so that counts move by half such a bin at most.
   */
  void merge(Histogram later) {
    if (later.counts.length == 0) {
      zerosBefore += counts.length == 0 ? later.zerosBefore : 0;
      counts = counts.length == 0 ? counts : withZeros(counts, later.zerosBefore);
      return;
    }
    if (counts.length == 0) {
      counts = withZeros(later.counts, zerosBefore);
      width = later.width;
      return;
    }
    for (int i = 0; i < later.counts.length; i++) {
      if (later.counts[i] > 0) {
        double bin = later.width == width ? i : Math.floor((i + 0.5) * later.width / width);
        if (bin >= MOST_BINS) {
          throw new IllegalArgumentException(
              "histograms with bins of %s and %s cannot be merged; the first saw only tiny values"
                  .formatted(width, later.width));
        }
        if (bin >= counts.length) {
          counts = Arrays.copyOf(counts, (int) bin + 1);
        }
        counts[(int) bin] += later.counts[i];
      }
    }
  }

  private static long[] withZeros(long[] counts, long zeros) {
    long[] more = counts.clone();
    more[0] += zeros;
    return more;
  }

  /** Width of a bin; 0 if only zeros were seen. */
  double width() {
    return width;
  }

  /** Zeros seen before there were bins. */
  long zerosBefore() {
    return counts.length == 0 ? zerosBefore : 0;
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
