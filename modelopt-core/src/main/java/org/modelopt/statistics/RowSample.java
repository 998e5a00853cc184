package org.modelopt.statistics;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
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
  void add(Tensor x) {
    int[] candidates = candidates(x);
    keep(x, candidates, candidates);
    seen += x.shape().rows();
  }

  /** As {@link #add(Tensor)}, of {@code x} on the device of {@code backend}. */
  void add(Tensor x, Backend backend) {
    if (x.isOnHost()) {
      add(x);
      return;
    }
    int[] candidates = candidates(x);
    if (candidates.length > 0) {
      float[] ones = new float[candidates.length];
      Arrays.fill(ones, 1);
      try (Scope scope = backend.openScope()) {
        Tensor few = backend.mixRows(List.of(x), candidates, ones, 1, scope);
        keep(backend.toHost(few, scope), IntStream.range(0, ones.length).toArray(), candidates);
      }
    }
    seen += x.shape().rows();
  }

  private int[] candidates(Tensor x) {
    return IntStream.range(0, Math.toIntExact(x.shape().rows()))
        .filter(t -> (seen + t) % stride == 0)
        .toArray();
  }

  /** Keeps rows {@code places} of {@code x}, which are the rows {@code numbers} from here on. */
  private void keep(Tensor x, int[] places, int[] numbers) {
    for (int i = 0; i < places.length; i++) {
      if (kept == CAPACITY && (seen + numbers[i]) % stride == 0) {
        thin();
      }
      if ((seen + numbers[i]) % stride != 0) {
        continue;
      }
      if ((kept + 1) * channels > rows.length) {
        rows = Arrays.copyOf(rows, Math.min(CAPACITY, Math.max(16, 2 * kept)) * channels);
      }
      x.copyFloats((long) places[i] * channels, rows, kept * channels, channels);
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

  /** What a file kept. */
  static RowSample of(int channels, float[] rows, long stride, long seen) {
    RowSample sample = new RowSample(channels);
    sample.rows = rows.clone();
    sample.kept = rows.length / channels;
    sample.stride = stride;
    sample.seen = seen;
    return sample;
  }

  /** Adds what {@code later} kept, after what this kept; both are thinned to a common stride. */
  void merge(RowSample later) {
    RowSample more = of(channels, later.toArray(), later.stride, later.seen);
    while (stride < more.stride) {
      thin();
    }
    while (more.stride < stride) {
      more.thin();
    }
    while (kept + more.kept > CAPACITY) {
      thin();
      more.thin();
    }
    rows = Arrays.copyOf(rows, (kept + more.kept) * channels);
    System.arraycopy(more.rows, 0, rows, kept * channels, more.kept * channels);
    kept += more.kept;
    seen += more.seen;
  }

  /** Distance of the rows kept. */
  long stride() {
    return stride;
  }

  /** Rows seen. */
  long seen() {
    return seen;
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
