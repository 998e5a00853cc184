package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Product;
import org.modelopt.compute.Workers;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.Scales;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.tensor.Tensor;

/**
 * Chooses scales among candidates, each for the elements that share it.
 *
 * <p>A candidate is better if its error is smaller: {@code |d|^2}, or with a second moment {@code d
 * H_block dᵀ}, the output error that the elements alone make (AWQ's clip search and the local
 * Hessian). The first of equals wins. Errors of single blocks in float32, sums in float64.
 */
public final class ScaleSearch {
  private static final int ROWS_PER_TASK = 4;

  private final Matrix weight;
  private final Optional<SecondMoment> moment;
  private final Product product;
  private final Workers workers;

  private ScaleSearch(
      Matrix weight, Optional<SecondMoment> moment, Product product, Workers workers) {
    this.weight = weight;
    this.moment = moment;
    this.product = product;
    this.workers = workers;
  }

  /**
   * The best of {@code candidates} for each scale.
   *
   * @param spec the format of the scales
   * @param candidates scales of the whole weight, with one global scale; in the order of preference
   * @param moment of the inputs; empty for the plain squared error
   */
  public static Scales best(
      Matrix weight,
      QuantSpec spec,
      List<Scales> candidates,
      Optional<SecondMoment> moment,
      Product product,
      Workers workers,
      Arena arena) {
    List<Grid> grids =
        candidates.stream()
            .map(scales -> Grid.of(spec, scales, weight.rows(), weight.columns()))
            .toList();
    int perRow = Math.ceilDiv(weight.columns(), grids.getFirst().block());
    int groups = Math.toIntExact(candidates.getFirst().values().shape().elements());
    int[] groupOf = new int[weight.rows() * perRow];
    for (int at = 0; at < groupOf.length; at++) {
      groupOf[at] =
          switch (spec.granularity()) {
            case Granularity.PerTensor() -> 0;
            case Granularity.Block2d(int tileRows, _) ->
                at / perRow / tileRows * perRow + at % perRow;
            case Granularity.Block _, Granularity.PerChannel(), Granularity.PerToken() -> at;
          };
    }
    int[] best = new ScaleSearch(weight, moment, product, workers).search(grids, groupOf, groups);
    return compose(candidates, best, arena);
  }

  /**
   * The index of the best grid for each block of a row, row-major.
   *
   * @param grids of the same blocks, in the order of preference
   */
  public static int[] best(
      Matrix weight,
      List<Grid> grids,
      Optional<SecondMoment> moment,
      Product product,
      Workers workers) {
    int blocks = weight.rows() * Math.ceilDiv(weight.columns(), grids.getFirst().block());
    int[] own = new int[blocks];
    Arrays.setAll(own, i -> i);
    return new ScaleSearch(weight, moment, product, workers).search(grids, own, blocks);
  }

  private int[] search(List<Grid> grids, int[] groupOf, int groups) {
    int block = grids.getFirst().block();
    List<float[]> squares = squares(block);
    int[] best = new int[groups];
    double[] least = new double[groups];
    Arrays.fill(least, Double.POSITIVE_INFINITY);
    for (int c = 0; c < grids.size(); c++) {
      double[] errors = errors(grids.get(c), squares);
      double[] sums = new double[groups];
      for (int at = 0; at < errors.length; at++) {
        sums[groupOf[at]] += errors[at];
      }
      for (int g = 0; g < groups; g++) {
        if (sums[g] < least[g]) {
          least[g] = sums[g];
          best[g] = c;
        }
      }
    }
    return best;
  }

  /** Second moments within each block of columns; none for the plain error or for whole rows. */
  private List<float[]> squares(int block) {
    List<float[]> squares = new ArrayList<>();
    if (moment.isPresent() && block < weight.columns()) {
      for (int from = 0; from < weight.columns(); from += block) {
        squares.add(moment.get().square(from, Math.min(from + block, weight.columns())));
      }
    }
    return squares;
  }

  /** The error of each block of each row. */
  private double[] errors(Grid grid, List<float[]> squares) {
    int columns = weight.columns();
    if (moment.isPresent() && squares.isEmpty()) {
      return OutputError.ofRows(
          weight, grid.nearest(weight, workers), moment.get(), product, workers);
    }
    int block = grid.block();
    int perRow = Math.ceilDiv(columns, block);
    double[] errors = new double[weight.rows() * perRow];
    workers.forRange(
        weight.rows(),
        ROWS_PER_TASK,
        (first, last) -> {
          float[] d = new float[block];
          float[] image = new float[block];
          for (int at = (int) first * perRow; at < last * perRow; at++) {
            int row = at / perRow;
            int from = at % perRow * block;
            int width = Math.min(block, columns - from);
            for (int j = 0; j < width; j++) {
              float w = weight.values()[row * columns + from + j];
              d[j] = grid.nearest(row, from + j, w) - w;
            }
            errors[at] =
                squares.isEmpty()
                    ? dot(d, d, width)
                    : quadratic(d, width, squares.get(at % perRow), image);
          }
        });
    return errors;
  }

  private static double quadratic(float[] d, int width, float[] square, float[] image) {
    Arrays.fill(image, 0, width, 0);
    for (int i = 0; i < width; i++) {
      float di = d[i];
      int base = i * width;
      for (int j = 0; j < width; j++) {
        image[j] += di * square[base + j];
      }
    }
    return dot(d, image, width);
  }

  private static double dot(float[] a, float[] b, int width) {
    double sum = 0;
    for (int j = 0; j < width; j++) {
      sum += (double) a[j] * b[j];
    }
    return sum;
  }

  /** The scales that take value i from candidate {@code best[i]}. */
  private static Scales compose(List<Scales> candidates, int[] best, Arena arena) {
    Scales first = candidates.getFirst();
    Tensor values = Tensor.allocate(arena, first.values().dtype(), first.values().shape());
    long bytes = values.byteSize() / Math.max(1, best.length);
    for (int i = 0; i < best.length; i++) {
      MemorySegment.copy(
          candidates.get(best[i]).values().segment(),
          i * bytes,
          values.segment(),
          i * bytes,
          bytes);
    }
    return new Scales(values, first.globalScale(), first.zeroPoints());
  }

  /**
   * Scales multiplied by each of {@code multiples}; only for formats that store them as float32,
   * and only without zero points.
   */
  public static List<Scales> multiplied(Scales scales, double[] multiples, Arena arena) {
    if (scales.zeroPoints().isPresent()) {
      throw new IllegalArgumentException("scales with zero points cannot be multiplied");
    }
    List<Scales> candidates = new ArrayList<>();
    float[] values = scales.values().toFloats();
    for (double multiple : multiples) {
      float[] multiplied = new float[values.length];
      for (int i = 0; i < values.length; i++) {
        multiplied[i] = (float) (values[i] * multiple);
      }
      candidates.add(
          new Scales(
              Tensor.ofFloats(arena, scales.values().shape(), multiplied),
              scales.globalScale(),
              Optional.empty()));
    }
    return candidates;
  }

  /**
   * The scales themselves and those up to {@code below} codes under and {@code above} codes over
   * them, for formats whose scales are 8-bit codes; the nearest first.
   */
  public static List<Scales> neighbours(Scales scales, int below, int above, Arena arena) {
    List<Scales> candidates = new ArrayList<>(List.of(scales));
    for (int step = 1; step <= Math.max(below, above); step++) {
      for (int signed : new int[] {step, -step}) {
        if (signed <= above && -signed <= below) {
          Tensor values = Tensor.allocate(arena, scales.values().dtype(), scales.values().shape());
          ScaleValues.shift(scales.values(), signed, values);
          candidates.add(new Scales(values, scales.globalScale(), scales.zeroPoints()));
        }
      }
    }
    return candidates;
  }

  /** Whether scales of the format are codes that have neighbours. */
  public static boolean hasNeighbours(ScaleFormat format) {
    return format == ScaleFormat.E8M0 || format == ScaleFormat.E4M3_WITH_GLOBAL_F32;
  }

  /** {@code count} multiples from {@code start} to {@code stop}, evenly spaced. */
  public static double[] multiples(double start, double stop, int count) {
    double[] multiples = new double[count];
    for (int i = 0; i < count; i++) {
      multiples[i] = count == 1 ? start : start + (stop - start) * i / (count - 1);
    }
    return multiples;
  }
}
