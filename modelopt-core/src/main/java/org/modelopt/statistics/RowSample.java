package org.modelopt.statistics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.Tensor;

/**
 * Some rows of activations, evenly spread over all: every stride-th row, the stride doubling when
 * the room is used up. What quantization of inputs does can be tried on them. Rows on a device stay
 * there until {@link #finish}. Not safe for use by several threads.
 */
public final class RowSample implements AutoCloseable {
  /** Rows kept at most; at least half as many once there were enough. */
  public static final int CAPACITY = 512;

  /** A row that is kept: its number among those seen, and its values once they are here. */
  private static final class Row {
    private final long number;
    private float[] values = {};

    Row(long number) {
      this.number = number;
    }
  }

  /** Rows gathered on a device, in the order of {@code rows}. */
  private record Gathered(Tensor tensor, List<Row> rows) {}

  private final int channels;
  private List<Row> kept = new ArrayList<>();
  private final List<Scope> scopes = new ArrayList<>();
  private final List<Gathered> onDevice = new ArrayList<>();
  private long stride = 1;
  private long seen;

  /** Nothing seen yet. */
  public RowSample(int channels) {
    this.channels = channels;
  }

  /** Sees the rows of {@code x}, F32 or BF16 {@code [t, channels]} on the host. */
  void add(Tensor x) {
    long first = seen;
    for (Row row : choose(x.shape().rows())) {
      row.values = new float[channels];
      x.copyFloats((row.number - first) * channels, row.values, 0, channels);
    }
  }

  /** As {@link #add(Tensor)}, of {@code x} on the device of {@code backend}. */
  void add(Tensor x, Backend backend) {
    if (x.isOnHost()) {
      add(x);
      return;
    }
    long first = seen;
    List<Row> chosen = choose(x.shape().rows());
    if (!chosen.isEmpty()) {
      int[] places = chosen.stream().mapToInt(row -> Math.toIntExact(row.number - first)).toArray();
      float[] ones = new float[places.length];
      Arrays.fill(ones, 1);
      Scope scope = backend.openScope();
      scopes.add(scope);
      onDevice.add(new Gathered(backend.mixRows(List.of(x), places, ones, 1, scope), chosen));
    }
  }

  /** Which of the next {@code count} rows are kept after the last of them. */
  private List<Row> choose(long count) {
    long first = seen;
    for (; seen < first + count; seen++) {
      if (seen % stride == 0 && kept.size() == CAPACITY) {
        thin();
      }
      if (seen % stride == 0) {
        kept.add(new Row(seen));
      }
    }
    return kept.stream().filter(row -> row.number >= first).toList();
  }

  private void thin() {
    List<Row> half = new ArrayList<>();
    for (int i = 0; i < kept.size(); i += 2) {
      half.add(kept.get(i));
    }
    kept = half;
    stride *= 2;
  }

  /** Brings rows from the device; to be called after the last row. */
  void finish(Backend backend) {
    for (Gathered gathered : onDevice) {
      try (Scope scope = backend.openScope()) {
        Tensor host = backend.toHost(gathered.tensor, scope);
        for (int i = 0; i < gathered.rows.size(); i++) {
          float[] values = new float[channels];
          host.copyFloats((long) i * channels, values, 0, channels);
          gathered.rows.get(i).values = values;
        }
      }
    }
    close();
  }

  /** What a file kept. */
  static RowSample of(int channels, float[] rows, long stride, long seen) {
    RowSample sample = new RowSample(channels);
    for (int i = 0; i < rows.length / channels; i++) {
      Row row = new Row(i * stride);
      row.values = Arrays.copyOfRange(rows, i * channels, (i + 1) * channels);
      sample.kept.add(row);
    }
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
    while (kept.size() + more.kept.size() > CAPACITY) {
      thin();
      more.thin();
    }
    kept.addAll(more.kept);
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
    return kept.size();
  }

  /** Number of channels. */
  public int channels() {
    return channels;
  }

  /** A copy of the rows, {@code [count, channels]}. */
  public float[] toArray() {
    float[] rows = new float[kept.size() * channels];
    for (int i = 0; i < kept.size(); i++) {
      System.arraycopy(kept.get(i).values, 0, rows, i * channels, channels);
    }
    return rows;
  }

  /** Gives memory of the device back. */
  @Override
  public void close() {
    scopes.forEach(Scope::close);
    scopes.clear();
    onDevice.clear();
  }
}
