package org.modelopt.statistics;

import org.modelopt.compute.Workers;

/**
 * The sum of {@code xᵀx} over the rows of activations {@code [tokens, channels]}: what the output
 * error of any candidate weight follows from.
 *
 * <p>With it {@code sum over tokens of |(W - Ŵ) x|^2 = tr((W - Ŵ) H (W - Ŵ)ᵀ)}. Sums are float32 in
 * token order, four tokens at a time; only the lower half is kept. The order of additions does not
 * depend on threads, so results do not either. Not safe for use by several threads.
 */
public final class SecondMoment {
  private static final int ROWS_PER_TASK = 16;

  private final int channels;
  private final float[][] lower;
  private long tokens;

  /** Nothing seen yet. */
  public SecondMoment(int channels) {
    this.channels = channels;
    this.lower = new float[channels][];
    for (int i = 0; i < channels; i++) {
      lower[i] = new float[i + 1];
    }
  }

  /** Number of channels. */
  public int channels() {
    return channels;
  }

  /** Tokens seen. */
  public long tokens() {
    return tokens;
  }

  /**
   * Adds the rows of an activation matrix.
   *
   * @param x {@code [count, channels]}, row-major
   */
  public void add(float[] x, int count, Workers workers) {
    if ((long) count * channels != x.length) {
      throw new IllegalArgumentException(
          "%d tokens of %d channels are not %d elements".formatted(count, channels, x.length));
    }
    workers.forRange(
        channels,
        ROWS_PER_TASK,
        (from, to) -> {
          for (int t = 0; t < count; t += 4) {
            for (int i = (int) from; i < to; i++) {
              addTokens(lower[i], x, t, Math.min(4, count - t), i);
            }
          }
        });
    tokens += count;
  }

  private void addTokens(float[] sums, float[] x, int token, int count, int row) {
    int at = token * channels;
    if (count < 4) {
      for (int t = 0; t < count; t++) {
        int base = at + t * channels;
        float a = x[base + row];
        for (int j = 0; j <= row; j++) {
          sums[j] += a * x[base + j];
        }
      }
      return;
    }
    int b = at + channels;
    int c = b + channels;
    int d = c + channels;
    float first = x[at + row];
    float second = x[b + row];
    float third = x[c + row];
    float fourth = x[d + row];
    for (int j = 0; j <= row; j++) {
      sums[j] += first * x[at + j] + second * x[b + j] + (third * x[c + j] + fourth * x[d + j]);
    }
  }

  /** Adds what {@code later} saw, after what this saw. */
  public void merge(SecondMoment later) {
    if (later.channels != channels) {
      throw new IllegalArgumentException(
          "cannot merge second moments of %d and %d channels".formatted(channels, later.channels));
    }
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j <= i; j++) {
        lower[i][j] += later.lower[i][j];
      }
    }
    tokens += later.tokens;
  }

  /** The sum of {@code x_i x_j}. */
  public float get(int i, int j) {
    return i >= j ? lower[i][j] : lower[j][i];
  }

  /** {@code d H dᵀ} in float64 for the channels from {@code from} on, as many as {@code d} has. */
  public double quadratic(double[] d, int from) {
    double sum = 0;
    for (int i = 0; i < d.length; i++) {
      if (d[i] == 0) {
        continue;
      }
      float[] row = lower[from + i];
      double dot = 0;
      double second = 0; // four sums, so that one addition need not wait for the one before
      double third = 0;
      double fourth = 0;
      int j = 0;
      for (; j + 3 < i; j += 4) {
        dot += row[from + j] * d[j];
        second += row[from + j + 1] * d[j + 1];
        third += row[from + j + 2] * d[j + 2];
        fourth += row[from + j + 3] * d[j + 3];
      }
      for (; j < i; j++) {
        dot += row[from + j] * d[j];
      }
      dot += second + (third + fourth);
      sum += d[i] * (2 * dot + row[from + i] * d[i]);
    }
    return sum;
  }
}
