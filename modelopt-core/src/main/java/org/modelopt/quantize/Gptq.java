package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.modelopt.compute.Product;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Rounds a weight column by column, each column making up for the errors of those before it.
 *
 * <p>With {@code H = R Rᵀ}, R upper triangular: {@code t_i = w_i + sum over k < i of (w_k - q_k)
 * R_ki / R_ii}, {@code q_i} the grid's nearest value to {@code t_i}. The grid is frozen, so any
 * format and any order of columns works, and groups stay where they are. What whole blocks of
 * columns contribute is a product in float32; within a block sums are float64.
 *
 * <p>Rounding to nearest is returned for a row where it has the smaller error: feedback is greedy
 * and may lose. Source: GPTQ (arXiv 2210.17323); the form without an inverse is the LDLQ of QuIP
 * (arXiv 2307.13304).
 */
public final class Gptq implements AutoCloseable {
  private static final int ROWS_PER_TASK = 4;

  /** The order in which columns are rounded. */
  public enum Order {
    /** As they stand. */
    NATURAL,
    /** By falling second moment: the channels that count most are rounded first. */
    BY_MOMENT
  }

  /**
   * What came out.
   *
   * @param weight values on the grid, {@code [out, in]}
   * @param error {@code tr((W - Q) H (W - Q)ᵀ)} without damping
   * @param damping share of the mean diagonal that was added to H; more than asked for where H was
   *     not positive definite
   */
  public record Result(Matrix weight, double error, double damping) {}

  private final SecondMoment moment;
  private final int[] columns;
  private final ReversedCholesky factor;
  private final Product product;
  private final Workers workers;

  private Gptq(
      SecondMoment moment,
      int[] columns,
      ReversedCholesky factor,
      Product product,
      Workers workers) {
    this.moment = moment;
    this.columns = columns;
    this.factor = factor;
    this.product = product;
    this.workers = workers;
  }

  /**
   * Prepares the rounding of weights that read the same inputs; to be closed.
   *
   * @param moment of the inputs; must live as long as this
   * @param damping share of the mean diagonal to add to H, usually 0.01
   * @throws ArithmeticException if H stays indefinite after the damping was raised
   */
  public static Gptq of(
      SecondMoment moment, double damping, Order order, Product product, Workers workers) {
    int[] columns = columns(moment, order);
    ReversedCholesky factor = ReversedCholesky.of(moment, columns, damping, product, workers);
    return new Gptq(moment, columns, factor, product, workers);
  }

  /** Share of the mean diagonal that was added to H. */
  public double damping() {
    return factor.damping();
  }

  @Override
  public void close() {
    factor.close();
  }

  private static int[] columns(SecondMoment moment, Order order) {
    IntStream natural = IntStream.range(0, moment.channels());
    return switch (order) {
      case NATURAL -> natural.toArray();
      case BY_MOMENT ->
          natural
              .boxed()
              .sorted(Comparator.comparingDouble((Integer j) -> -moment.get(j, j)))
              .mapToInt(Integer::intValue)
              .toArray();
    };
  }

  /**
   * Rounds rows of a weight to {@code grid}.
   *
   * @param weight {@code [rows, in]}
   */
  public Result round(Matrix weight, Grid grid) {
    if (columns.length != weight.columns()) {
      throw new IllegalArgumentException(
          "a weight of %d inputs needs a second moment of as many, not %d"
              .formatted(weight.columns(), columns.length));
    }
    int rows = weight.rows();
    int d = columns.length;
    float[] values = new float[rows * d];
    float[] errors = new float[rows * d]; // w - q, in the order of rounding
    for (int from = 0; from < d; from += ReversedCholesky.BLOCK) {
      int to = Math.min(d, from + ReversedCholesky.BLOCK);
      double[] square = square(factor, from, to);
      try (Arena arena = Arena.ofShared();
          Scope scope = product.openScope()) {
        Tensor earlier =
            from == 0
                ? Tensor.allocate(arena, DType.F32, Shape.of(rows, to))
                : product.multiply(
                    block(errors, rows, d, from, arena),
                    factor.above(from, to, workers, arena),
                    scope);
        int first = from;
        workers.forRange(
            rows,
            ROWS_PER_TASK,
            (begin, end) -> {
              for (int row = (int) begin; row < end; row++) {
                round(weight, row, grid, first, square, earlier, errors, values);
              }
            });
      }
    }
    return better(weight, grid, new Matrix(rows, d, values), factor.damping());
  }

  private static double[] square(ReversedCholesky factor, int from, int to) {
    int width = to - from;
    double[] square = new double[width * width];
    for (int i = 0; i < width; i++) {
      for (int j = i; j < width; j++) {
        square[i * width + j] = factor.get(from + i, from + j);
      }
    }
    return square;
  }

  /** The first {@code count} columns. */
  private Tensor block(float[] matrix, int rows, int columns, int count, Arena arena) {
    Tensor block = Tensor.allocate(arena, DType.F32, Shape.of(rows, count));
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (begin, end) -> {
          for (int r = (int) begin; r < end; r++) {
            long at = (long) r * count * 4;
            MemorySegment.copy(matrix, r * columns, block.segment(), Tensor.FLOAT, at, count);
          }
        });
    return block;
  }

  private void round(
      Matrix weight,
      int row,
      Grid grid,
      int first,
      double[] square,
      Tensor earlier,
      float[] errors,
      float[] values) {
    int d = columns.length;
    int width = Math.toIntExact(earlier.shape().dim(1));
    double[] feedback = new double[width];
    for (int j = 0; j < width; j++) {
      feedback[j] = earlier.getFloat((long) row * width + j);
    }
    int base = row * d;
    for (int i = 0; i < width; i++) {
      int column = columns[first + i];
      float w = weight.values()[base + column];
      int at = i * width;
      float q = grid.nearest(row, column, (float) (w + feedback[i] / square[at + i]));
      values[base + column] = q;
      double e = (double) w - q;
      errors[base + first + i] = (float) e;
      for (int j = i + 1; j < width; j++) {
        feedback[j] += e * square[at + j];
      }
    }
  }

  /** Of each row the better of feedback and rounding to nearest. */
  private Result better(Matrix weight, Grid grid, Matrix fed, double damping) {
    double[] fedErrors = OutputError.ofRows(weight, fed, moment, product, workers);
    Matrix nearest = grid.nearest(weight, workers);
    double[] nearestErrors = OutputError.ofRows(weight, nearest, moment, product, workers);
    double total = 0;
    for (int row = 0; row < weight.rows(); row++) {
      if (nearestErrors[row] < fedErrors[row]) {
        int columns = weight.columns();
        System.arraycopy(nearest.values(), row * columns, fed.values(), row * columns, columns);
      }
      total += Math.min(nearestErrors[row], fedErrors[row]);
    }
    return new Result(fed, total, damping);
  }
}
