package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Factors {@code H + damping * mean(diag H) * I = R Rᵀ} with R upper triangular.
 *
 * <p>Works from the last block of columns to the first: what later columns contribute is one large
 * product in float32, the square on the diagonal and the solution above it are float64. {@code R⁻¹}
 * is the upper Cholesky factor of {@code H⁻¹}, which error feedback needs, without an inversion. A
 * channel that was never seen counts as an own unit channel. Kept in float32, in panels of rows,
 * off the heap.
 */
final class ReversedCholesky implements AutoCloseable {
  /** Columns of a block and rows of a panel. */
  static final int BLOCK = 128;

  private static final int MOST_RAISES = 6;
  private static final int ROWS_PER_TASK = 16;

  private final Arena arena = Arena.ofShared();
  private final int size;
  private final Tensor[] panels; // panel b: rows of block b, columns from its first row on
  private double damping;

  private ReversedCholesky(int size) {
    this.size = size;
    this.panels = new Tensor[Math.ceilDiv(size, BLOCK)];
    for (int b = 0; b < panels.length; b++) {
      int from = b * BLOCK;
      panels[b] =
          Tensor.allocate(arena, DType.F32, Shape.of(Math.min(BLOCK, size - from), size - from));
    }
  }

  /**
   * The factor for channels in {@code order}; the damping is raised tenfold, at most six times, as
   * long as the matrix is not positive definite.
   *
   * @throws ArithmeticException if that does not help either
   */
  static ReversedCholesky of(
      SecondMoment moment, int[] order, double damping, Product product, Workers workers) {
    ReversedCholesky factor = new ReversedCholesky(order.length);
    try {
      double mean = 0;
      for (int i : order) {
        mean += diagonal(moment, i);
      }
      mean /= order.length;
      double share = damping;
      for (int raise = 0; raise <= MOST_RAISES; raise++) {
        if (factor.compute(moment, order, share * mean, product, workers)) {
          factor.damping = share;
          return factor;
        }
        share = share == 0 ? 1e-4 : share * 10;
      }
      throw new ArithmeticException(
          "second moment of %d channels stays indefinite with damping %s"
              .formatted(order.length, share));
    } catch (RuntimeException | Error e) {
      factor.close();
      throw e;
    }
  }

  private static double diagonal(SecondMoment moment, int i) {
    float value = moment.get(i, i);
    return value == 0 ? 1 : value;
  }

  /** Share of the mean diagonal that had to be added. */
  double damping() {
    return damping;
  }

  /** Element in row {@code i} and column {@code j >= i}. */
  float get(int i, int j) {
    int first = i / BLOCK * BLOCK;
    return panels[i / BLOCK].getFloat((long) (i - first) * (size - first) + j - first);
  }

  private boolean compute(
      SecondMoment moment, int[] order, double added, Product product, Workers workers) {
    for (int b = panels.length - 1; b >= 0; b--) {
      int from = b * BLOCK;
      int to = Math.min(size, from + BLOCK);
      try (Arena temporary = Arena.ofShared();
          Scope scope = product.openScope()) {
        Tensor later =
            to < size ? contribution(from, to, product, workers, temporary, scope) : null;
        int width = to - from;
        float[] rest = new float[to * width]; // what is left of H in this block of columns
        workers.forRange(
            to,
            ROWS_PER_TASK,
            (first, last) -> {
              for (int i = (int) first; i < last; i++) {
                for (int j = 0; j < width; j++) {
                  double h =
                      i == from + j
                          ? diagonal(moment, order[i]) + added
                          : moment.get(order[i], order[from + j]);
                  rest[i * width + j] =
                      (float) (later == null ? h : h - later.getFloat((long) i * width + j));
                }
              }
            });
        double[] square = square(rest, from, width);
        if (square.length == 0) {
          return false;
        }
        workers.forRange(
            to,
            ROWS_PER_TASK,
            (first, last) -> {
              double[] x = new double[width];
              for (int i = (int) first; i < last; i++) {
                if (i < from) {
                  solve(square, width, rest, i * width, x);
                } else {
                  System.arraycopy(square, (i - from) * width, x, 0, width);
                }
                store(i, from, x);
              }
            });
      }
    }
    return true;
  }

  /** {@code R[0:to, to:] R[from:to, to:]ᵀ}. */
  private Tensor contribution(
      int from, int to, Product product, Workers workers, Arena owner, Scope scope) {
    int depth = size - to;
    Tensor left = Tensor.allocate(owner, DType.F32, Shape.of(to, depth));
    workers.forRange(
        to,
        ROWS_PER_TASK,
        (begin, end) -> {
          for (int i = (int) begin; i < end; i++) {
            int first = i / BLOCK * BLOCK;
            long start = ((long) (i - first) * (size - first) + to - first) * 4;
            long at = (long) i * depth * 4;
            MemorySegment.copy(panels[i / BLOCK].segment(), start, left.segment(), at, depth * 4L);
          }
        });
    return product.multiply(left, left.rows(from, to), scope);
  }

  /** The upper factor of the square on the diagonal; empty if it is not positive definite. */
  private static double[] square(float[] rest, int from, int width) {
    double[] r = new double[width * width];
    for (int j = width - 1; j >= 0; j--) {
      double pivot = rest[(from + j) * width + j];
      for (int k = j + 1; k < width; k++) {
        pivot -= r[j * width + k] * r[j * width + k];
      }
      if (!(pivot > 0)) {
        return new double[0];
      }
      double root = Math.sqrt(pivot);
      r[j * width + j] = root;
      for (int i = 0; i < j; i++) {
        double sum = rest[(from + i) * width + j];
        for (int k = j + 1; k < width; k++) {
          sum -= r[i * width + k] * r[j * width + k];
        }
        r[i * width + j] = sum / root;
      }
    }
    return r;
  }

  /** x with {@code square xᵀ = sᵀ}. */
  private static void solve(double[] square, int width, float[] s, int at, double[] x) {
    for (int j = width - 1; j >= 0; j--) {
      double sum = s[at + j];
      int row = j * width;
      for (int k = j + 1; k < width; k++) {
        sum -= square[row + k] * x[k];
      }
      x[j] = sum / square[row + j];
    }
  }

  private void store(int i, int from, double[] x) {
    int first = i / BLOCK * BLOCK;
    Tensor panel = panels[i / BLOCK];
    long start = (long) (i - first) * (size - first) + from - first;
    for (int j = 0; j < x.length; j++) {
      panel.segment().set(Tensor.FLOAT, (start + j) * 4, (float) x[j]);
    }
  }

  /** {@code R[0:from, from:to]ᵀ}, as products take it. */
  Tensor above(int from, int to, Workers workers, Arena owner) {
    Tensor above = Tensor.allocate(owner, DType.F32, Shape.of(to - from, from));
    workers.forRange(
        Math.ceilDiv(from, BLOCK),
        1,
        (begin, end) -> {
          for (int b = (int) begin; b < end; b++) {
            turn(panels[b], b * BLOCK, Math.min(from, (b + 1) * BLOCK), from, to, above);
          }
        });
    return above;
  }

  /** Rows {@code first} to {@code last} of columns {@code from} to {@code to} become columns. */
  private static void turn(Tensor panel, int first, int last, int from, int to, Tensor above) {
    long width = panel.shape().columns();
    MemorySegment source = panel.segment();
    MemorySegment target = above.segment();
    for (int j = from; j < to; j++) {
      for (int i = first; i < last; i++) {
        float value = source.get(Tensor.FLOAT, ((i - first) * width + j - first) * 4);
        target.set(Tensor.FLOAT, ((long) (j - from) * from + i) * 4, value);
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
