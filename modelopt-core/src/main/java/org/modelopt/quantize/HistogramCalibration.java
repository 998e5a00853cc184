package org.modelopt.quantize;

import java.util.Arrays;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.statistics.Histogram;

/** Magnitudes to cover, from a histogram of those seen. */
public final class HistogramCalibration {
  private static final int FIRST_CANDIDATE = 128;

  private HistogramCalibration() {}

  /**
   * The lower edge of the first bin up to whose end at least {@code percent} of all values lie.
   *
   * @param percent above 0, at most 100; 99.99 is usual
   */
  public static double percentile(Histogram histogram, double percent) {
    if (!(percent > 0 && percent <= 100)) {
      throw new IllegalArgumentException("percent must be above 0, at most 100: " + percent);
    }
    long[] counts = histogram.counts();
    long total = Arrays.stream(counts).sum();
    long sum = 0;
    for (int i = 0; i < counts.length; i++) {
      sum += counts[i];
      if ((double) sum / total >= percent / 100) {
        return histogram.edge(i);
      }
    }
    return histogram.edge(counts.length);
  }

  /**
   * The range that loses least information when its magnitudes are spread over {@code 2^(bits - 1)}
   * levels: the last minimum of the Kullback-Leibler divergence. The bin at zero is given the count
   * of the next. With fewer bins than levels, the upper end.
   *
   * <p>Source: the TensorRT calibration procedure (GTC 2017).
   */
  public static double entropy(Histogram histogram, int bits) {
    long[] counts = histogram.counts();
    int levels = 1 << (bits - 1);
    if (counts.length < Math.max(levels, FIRST_CANDIDATE)) {
      return histogram.edge(counts.length);
    }
    counts[0] = counts[1];
    int best = counts.length;
    double least = Double.POSITIVE_INFINITY;
    long beyond = Arrays.stream(counts).sum();
    int first = Math.max(levels, FIRST_CANDIDATE);
    for (int i = 0; i < first; i++) {
      beyond -= counts[i];
    }
    for (int i = first; i <= counts.length; i++) {
      double divergence = divergence(counts, i, levels, beyond);
      if (divergence <= least) {
        least = divergence;
        best = i;
      }
      beyond -= i < counts.length ? counts[i] : 0;
    }
    return histogram.edge(best);
  }

  private static double divergence(long[] counts, int kept, int levels, long beyond) {
    double[] sums = new double[levels];
    int[] filled = new int[levels];
    double total = beyond;
    double inside = 0;
    for (int j = 0; j < kept; j++) {
      int level = (int) ((long) j * levels / kept);
      sums[level] += counts[j];
      filled[level] += counts[j] > 0 ? 1 : 0;
      inside += counts[j];
    }
    total += inside;
    double divergence = 0;
    for (int j = 0; j < kept; j++) {
      double p = counts[j] + (j == kept - 1 ? beyond : 0);
      if (p > 0) {
        int level = (int) ((long) j * levels / kept);
        double q = counts[j] > 0 ? sums[level] / filled[level] : 0;
        if (q == 0) {
          return Double.POSITIVE_INFINITY;
        }
        divergence += p / total * Math.log(p / total / (q / inside));
      }
    }
    return divergence;
  }

  /**
   * The bin centre that, as amax of {@code format}, gives the smallest squared error over the bins'
   * centres.
   */
  public static double meanSquaredError(Histogram histogram, NumberFormat format) {
    long[] counts = histogram.counts();
    double best = histogram.edge(counts.length);
    double least = Double.POSITIVE_INFINITY;
    for (int i = Math.min(FIRST_CANDIDATE, counts.length); i < counts.length; i++) {
      double amax = (histogram.edge(i) + histogram.edge(i + 1)) / 2;
      double scale = amax / format.maxFinite();
      double error = 0;
      for (int j = 0; j < counts.length && error < least; j++) {
        if (counts[j] > 0) {
          double centre = (histogram.edge(j) + histogram.edge(j + 1)) / 2;
          double d = Grid.round(format, (float) (centre / scale)) * scale - centre;
          error += counts[j] * d * d;
        }
      }
      if (error < least) {
        least = error;
        best = amax;
      }
    }
    return best;
  }
}
