package org.modelopt.statistics;

import java.util.Arrays;
import org.modelopt.tensor.Tensor;

/**
 * Some rows of activations, evenly spread over all: every stride-th row, the stride doubling when
 * the room is used up. What quantization of inputs does can be tried on them. Not safe for use by
 * several threads.
 */
public final class RowSample {
  /** Rows kept at most; at least half as many once there were enough. */
  public static final int CAPACITY = 512;

  private final int channels;
  private float[] rows = new float[0];
  private int kept;
  private long stride = 1;
  private long seen;

  /** Nothing seen yet. */
  public RowSample(int channels) {
    this.channels = channels;
  }

  /** Sees the rows of {@code x}, F32 or BF16 {@code [t, channels]} on the host. */
  public void add(Tensor x) {
    for (long t = 0; t < x.shape().rows(); t++, seen++) {
      if (seen % stride != 0) {
        continue;
      }
      if (kept == CAPACITY) {
        thin();
        if (seen % stride != 0) {
          continue;
        }
      }
      if ((kept + 1) * channels > rows.length) {
        rows = Arrays.copyOf(rows, Math.min(CAPACITY, Math.max(16, 2 * kept)) * channels);
      }
      x.copyFloats(t * channels, rows, kept * channels, channels);
      kept++;
    }
  }

  private void thin() {
    for (int i = 1; 2 * i < kept; i++) {
      System.arraycopy(rows, 2 * i * channels, rows, i * channels, channels);
    }
    kept = (kept + 1) / 2;
    stride *= 2;
  }

  /** Rows kept. */
  public int count() {
    return kept;
  }

  /** Number of channels. */
  public int channels() {
    return channels;
  }

  /** A copy of the rows, {@code [count, channels]}. */
  public float[] toArray() {
    return Arrays.copyOf(rows, kept * channels);
  }
}
