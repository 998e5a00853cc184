package org.modelopt.statistics;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Changes;
import org.modelopt.transform.Rotation;

/**
 * The sum of {@code xᵀx} over the rows of activations {@code [tokens, channels]}: what the output
 * error of any candidate weight follows from.
 *
 * <p>With it {@code sum over tokens of |(W - Ŵ) x|^2 = tr((W - Ŵ) H (W - Ŵ)ᵀ)}. Tokens are gathered
 * and multiplied many at a time; the sums are float32 in token order, so that results depend on the
 * tokens and their order alone. Memory off the heap: the upper half in panels of rows, panel b
 * holding rows b and columns from the panel's first row on, its first square at half its value (a
 * quadratic form is then twice the sum over panels). Closing gives the memory back. Not safe for
 * use by several threads.
 */
public final class SecondMoment implements AutoCloseable {
  /** Rows of a panel; the last may have fewer. */
  public static final int PANEL = 256;

  private static final int ROWS_PER_TASK = 8;

  private final Arena arena = Arena.ofShared();
  private final int channels;
  private final Tensor[] panels;
  private Optional<MomentSums> running = Optional.empty();
  private long tokens;

  /** Nothing seen yet. */
  public SecondMoment(int channels) {
    this.channels = channels;
    this.panels =
        IntStream.iterate(0, from -> from < channels, from -> from + PANEL)
            .mapToObj(from -> Tensor.allocate(arena, DType.F32, panelShape(channels, from)))
            .toArray(Tensor[]::new);
  }

  /** Shape of the panel whose first row is {@code from}. */
  static Shape panelShape(int channels, int from) {
    return Shape.of(Math.min(PANEL, channels - from), channels - from);
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
   * Adds the rows of an activation matrix. They count after {@link #finish}.
   *
   * @param x F32 or BF16 {@code [count, channels]} on the device of {@code product}
   */
  public void add(Tensor x, Product product, Workers workers) {
    if (x.shape().columns() != channels) {
      throw new IllegalArgumentException(
          "rows of %s are not of %d channels".formatted(x, channels));
    }
    if (running.isPresent() && running.get().dtype() != x.dtype()) {
      finish(workers);
    }
    MomentSums sums = running.orElseGet(() -> new MomentSums(product, x.dtype(), channels));
    running = Optional.of(sums);
    sums.add(x);
    tokens += x.shape().rows();
  }

  /** Takes the sums over; to be called after the last token. */
  public void finish(Workers workers) {
    if (running.isPresent()) {
      try (MomentSums sums = running.get()) {
        running = Optional.empty();
        sums.finish((panel, sum) -> add(panels[panel], sum, true, workers));
      }
    }
  }

  /** Adds to a panel; the products of its first square count half. */
  private static void add(Tensor panel, Tensor more, boolean halve, Workers workers) {
    int rows = Math.toIntExact(panel.shape().dim(0));
    int columns = Math.toIntExact(panel.shape().dim(1));
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          float[] sum = new float[columns];
          float[] add = new float[columns];
          for (long i = from; i < to; i++) {
            long offset = i * columns * 4;
            MemorySegment.copy(panel.segment(), Tensor.FLOAT, offset, sum, 0, columns);
            MemorySegment.copy(more.segment(), Tensor.FLOAT, offset, add, 0, columns);
            if (halve) {
              for (int j = 0; j < rows; j++) {
                add[j] *= 0.5f;
              }
            }
            for (int j = 0; j < columns; j++) {
              sum[j] += add[j];
            }
            MemorySegment.copy(sum, 0, panel.segment(), Tensor.FLOAT, offset, columns);
          }
        });
  }

  /** Adds what {@code later} saw, after what this saw; both finished. */
  public void merge(SecondMoment later, Workers workers) {
    if (later.channels != channels) {
      throw new IllegalArgumentException(
          "cannot merge second moments of %d and %d channels".formatted(channels, later.channels));
    }
    requireFinished();
    later.requireFinished();
    for (int b = 0; b < panels.length; b++) {
      add(panels[b], later.panels[b], false, workers);
    }
    tokens += later.tokens;
  }

  private void requireFinished() {
    if (running.isPresent()) {
      throw new IllegalStateException("tokens were added and not finished");
    }
  }

  /** A copy for inputs whose channels are multiplied by {@code factors}. */
  public SecondMoment scaled(float[] factors, Workers workers) {
    requireFinished();
    SecondMoment scaled = new SecondMoment(channels);
    for (int b = 0; b < panels.length; b++) {
      int first = b * PANEL;
      int columns = channels - first;
      Tensor from = panels[b];
      Tensor to = scaled.panels[b];
      workers.forRange(
          from.shape().dim(0),
          ROWS_PER_TASK,
          (begin, end) -> {
            float[] row = new float[columns];
            for (long i = begin; i < end; i++) {
              long offset = i * columns * 4;
              MemorySegment.copy(from.segment(), Tensor.FLOAT, offset, row, 0, columns);
              float factor = factors[first + (int) i];
              for (int j = 0; j < columns; j++) {
                row[j] *= factor * factors[first + j];
              }
              MemorySegment.copy(row, 0, to.segment(), Tensor.FLOAT, offset, columns);
            }
          });
    }
    scaled.tokens = tokens;
    return scaled;
  }

  /**
   * A copy for inputs whose channels are rotated.
   *
   * @param rotation of runs that fill panels
   */
  public SecondMoment rotated(Rotation rotation, Workers workers) {
    requireFinished();
    if (PANEL % rotation.block() != 0) {
      throw new IllegalArgumentException(
          "rotations of " + rotation.block() + " channels do not fill panels of " + PANEL);
    }
    SecondMoment rotated = new SecondMoment(channels);
    List<Change> both =
        List.of(new Change.RotateColumns(rotation), new Change.RotateRows(rotation));
    for (int b = 0; b < panels.length; b++) {
      try (Arena temporary = Arena.ofShared()) {
        Tensor panel = Changes.apply(both, panels[b], workers, temporary);
        rotated.panels[b].segment().copyFrom(panel.segment());
      }
    }
    rotated.tokens = tokens;
    return rotated;
  }

  /** The sum of {@code x_i x_j}. */
  public float get(int i, int j) {
    int row = Math.min(i, j);
    int column = Math.max(i, j);
    int first = row / PANEL * PANEL;
    float value =
        panels[row / PANEL].getFloat((long) (row - first) * (channels - first) + column - first);
    return column / PANEL == row / PANEL ? 2 * value : value;
  }

  /** The square of channels {@code from} (inclusive) to {@code to} (exclusive), row-major. */
  public float[] square(int from, int to) {
    int n = to - from;
    float[] square = new float[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        square[i * n + j] = get(from + i, from + j);
      }
    }
    return square;
  }

  /**
   * {@code d H dᵀ} of each row d of a matrix, products in float32, their sum in float64.
   *
   * @param deltas {@code [rows, channels]}, row-major
   */
  public double[] quadratics(float[] deltas, int rows, Product product, Workers workers) {
    requireFinished();
    double[] sums = new double[rows];
    for (int b = 0; b < panels.length; b++) {
      int first = b * PANEL;
      int tail = channels - first;
      int width = Math.min(PANEL, tail);
      try (Arena temporary = Arena.ofShared();
          Scope scope = product.openScope()) {
        Tensor d = Tensor.allocate(temporary, DType.F32, Shape.of(rows, tail));
        workers.forRange(
            rows,
            ROWS_PER_TASK,
            (from, to) -> {
              for (long r = from; r < to; r++) {
                int start = Math.toIntExact(r * channels + first);
                MemorySegment.copy(deltas, start, d.segment(), Tensor.FLOAT, r * tail * 4, tail);
              }
            });
        Tensor images = product.multiply(d, panels[b], scope);
        workers.forRange(
            rows,
            ROWS_PER_TASK,
            (from, to) -> {
              float[] image = new float[width];
              for (int r = (int) from; r < to; r++) {
                MemorySegment.copy(
                    images.segment(), Tensor.FLOAT, (long) r * width * 4, image, 0, width);
                double sum = 0;
                for (int j = 0; j < width; j++) {
                  sum += (double) deltas[r * channels + first + j] * image[j];
                }
                sums[r] += 2 * sum;
              }
            });
      }
    }
    return sums;
  }

  /** The panels, in order, as they are kept; they live as long as this. */
  public List<Tensor> panels() {
    requireFinished();
    return List.of(panels);
  }

  /** A moment with copies of {@code panels}, for example of those in a file. */
  static SecondMoment of(int channels, long tokens, List<Tensor> panels) {
    SecondMoment moment = new SecondMoment(channels);
    for (int b = 0; b < moment.panels.length; b++) {
      moment.panels[b].segment().copyFrom(panels.get(b).segment());
    }
    moment.tokens = tokens;
    return moment;
  }

  @Override
  public void close() {
    running.ifPresent(MomentSums::close);
    arena.close();
  }
}
