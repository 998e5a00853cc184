package org.modelopt.export.verify.value;

import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.modelopt.export.verify.scheme.Grid;
import org.modelopt.export.verify.scheme.Tile;
import org.modelopt.export.verify.value.WeightScore.Kind;
import org.modelopt.export.verify.value.WeightScore.Problem;

/**
 * Compares an exported weight [N, K] with the original, a few rows at a time.
 *
 * <p>The judge is the format itself: the original is rounded to the format's grid with plain scales
 * by the maximum, and the export may be {@link #FACTOR} times as far off. Calibration that trades
 * weight error for output error (GPTQ, AWQ, clipping by mean squared error) stays below twice; a
 * zero point off by one gives 3.6 times, swapped nibbles, a scale upside down or a transposed
 * matrix 8 times and more.
 *
 * <p>Factors that calibration moved out of the columns (into a norm or a pre-quantization scale) or
 * into the rows are given to this class; rounding is simulated with them, and the error is measured
 * without.
 */
public final class WeightComparison {
  /** How much worse than plain rounding a whole weight may be. */
  static final double FACTOR = 2.2;

  /** How much worse than plain rounding one row or one group of columns may be. */
  static final double LOCAL_FACTOR = 6;

  /** Beyond this relative error an export is never accepted. */
  private static final double LARGEST_BOUND = 0.9;

  /** A zero point is an integer, so that a wrong one shifts codes by one. */
  private static final double OFFSET_BOUND = 0.1;

  /** Means over fewer elements scatter too much to be judged. */
  private static final long ENOUGH_FOR_MEANS = 1024;

  /** Error of an unquantized weight whose columns were scaled: two roundings to BF16. */
  private static final double UNQUANTIZED_FLOOR = 0.012;

  private static final int CHUNK_ELEMENTS = 1 << 18;

  /** Reads rows as floats. */
  @FunctionalInterface
  public interface Rows {
    /** Puts rows {@code from} to {@code from + count} into {@code values}, row-major. */
    void read(long from, int count, float[] values, float[] steps);
  }

  private final long n;
  private final int k;
  private final @Nullable Grid grid;
  private final Tile tile;
  private final boolean hasSteps;
  private final double slack;

  private final int columnGroup;
  private final double[] columnError;
  private final double[] columnBest;
  private final double[] columnReference;
  private double error;
  private double best;
  private double reference;
  private double product;
  private double largest;
  private double offset;
  private boolean finite = true;
  private @Nullable Slopes rowSlopes;
  private @Nullable Slopes columnSlopes;
  private long badRows;
  private long firstBadRow = -1;

  /**
   * Prepares a comparison.
   *
   * @param grid the values of the export's codes; null if it is not quantized
   * @param slack multiplies all bounds, 1 for the usual ones
   */
  public WeightComparison(long n, long k, @Nullable Grid grid, Tile tile, double slack) {
    this.n = n;
    this.k = Math.toIntExact(k);
    this.grid = grid;
    this.tile = tile;
    this.hasSteps = grid != null && grid.mantissaBits() < 0;
    this.slack = slack;
    this.columnGroup = tile.columns() > 16 && tile.columns() < 256 ? (int) tile.columns() : 32;
    int groups = Math.ceilDiv(this.k, columnGroup);
    this.columnError = new double[groups];
    this.columnBest = new double[groups];
    this.columnReference = new double[groups];
  }

  /** Notes down slopes of rows and of columns, where asked for. */
  public WeightComparison withSlopes(@Nullable Slopes rows, @Nullable Slopes columns) {
    rowSlopes = rows;
    columnSlopes = columns;
    return this;
  }

  /**
   * Compares.
   *
   * @param original the original rows
   * @param export the export's rows as its consumer computes them
   * @param columns factor of each column that something else applies: the export should hold the
   *     original divided by it; null for none
   * @param rowFactors factor of each row that something else takes back: the export should hold the
   *     original times it; null for none
   */
  public WeightScore compare(
      Rows original, Rows export, float @Nullable [] columns, float @Nullable [] rowFactors) {
    if (n == 0 || k == 0) {
      return new WeightScore(0, 0, 0, Optional.empty());
    }
    double tensorScale =
        grid != null && tile.rows() == 0 ? grid.scale(amax(original, columns, rowFactors)) : 0;
    int chunk = chunkRows();
    float[] before = new float[chunk * k];
    float[] after = new float[chunk * k];
    float[] steps = hasSteps ? new float[chunk * k] : new float[0];
    double[] rounded = new double[chunk * k];
    for (long from = 0; from < n; from += chunk) {
      int rows = (int) Math.min(chunk, n - from);
      original.read(from, rows, before, steps);
      apply(before, from, rows, columns, rowFactors);
      export.read(from, rows, after, steps);
      round(before, rows, tensorScale, rounded);
      accumulate(from, rows, before, after, steps, rounded, columns, rowFactors);
    }
    return judge();
  }

  private int chunkRows() {
    long tileRows = Math.min(tile.rows() == 0 ? 1 : tile.rows(), n);
    long wanted = Math.max(1, CHUNK_ELEMENTS / k);
    return Math.toIntExact(Math.min(n, Math.ceilDiv(wanted, tileRows) * tileRows));
  }

  private double amax(Rows original, float @Nullable [] columns, float @Nullable [] rowFactors) {
    int chunk = Math.max(1, CHUNK_ELEMENTS / k);
    float[] values = new float[chunk * k];
    float amax = 0;
    for (long from = 0; from < n; from += chunk) {
      int rows = (int) Math.min(chunk, n - from);
      original.read(from, rows, values, values);
      apply(values, from, rows, columns, rowFactors);
      for (int i = 0; i < rows * k; i++) {
        amax = Math.max(amax, Math.abs(values[i]));
      }
    }
    return amax;
  }

  private void apply(
      float[] values,
      long from,
      int rows,
      float @Nullable [] columns,
      float @Nullable [] rowFactors) {
    for (int r = 0; r < rows; r++) {
      if (rowFactors != null) {
        float factor = rowFactors[Math.toIntExact(from + r)];
        for (int c = 0; c < k; c++) {
          values[r * k + c] *= factor;
        }
      }
      if (columns != null) {
        for (int c = 0; c < k; c++) {
          values[r * k + c] /= columns[c];
        }
      }
    }
  }

  /** What plain rounding would give for {@code before}. */
  private void round(float[] before, int rows, double tensorScale, double[] rounded) {
    if (grid == null) {
      for (int i = 0; i < rows * k; i++) {
        rounded[i] = before[i];
      }
    } else if (tile.rows() == 0) {
      for (int i = 0; i < rows * k; i++) {
        rounded[i] = grid.round(before[i], tensorScale);
      }
    } else {
      int tileRows = (int) Math.min(tile.rows(), rows);
      int tileColumns = (int) Math.min(tile.columnsOf(k), k);
      for (int r = 0; r < rows; r += tileRows) {
        for (int c = 0; c < k; c += tileColumns) {
          roundTile(
              before, r, Math.min(r + tileRows, rows), c, Math.min(c + tileColumns, k), rounded);
        }
      }
    }
  }

  private void roundTile(
      float[] before, int fromRow, int toRow, int fromColumn, int toColumn, double[] rounded) {
    float amax = 0;
    for (int r = fromRow; r < toRow; r++) {
      for (int i = r * k + fromColumn; i < r * k + toColumn; i++) {
        amax = Math.max(amax, Math.abs(before[i]));
      }
    }
    Grid values = Objects.requireNonNull(grid);
    double scale = values.scale(amax);
    for (int r = fromRow; r < toRow; r++) {
      for (int i = r * k + fromColumn; i < r * k + toColumn; i++) {
        rounded[i] = values.round(before[i], scale);
      }
    }
  }

  private void accumulate(
      long from,
      int rows,
      float[] before,
      float[] after,
      float[] steps,
      double[] rounded,
      float @Nullable [] columns,
      float @Nullable [] rowFactors) {
    double low = floor() / 2;
    for (int r = 0; r < rows; r++) {
      int row = Math.toIntExact(from + r);
      double share = rowFactors == null ? 1 : 1.0 / rowFactors[row];
      double rowError = 0;
      double rowBest = 0;
      double rowReference = 0;
      for (int c = 0; c < k; c++) {
        int i = r * k + c;
        double factor = columns == null ? share : columns[c] * share;
        double ref = before[i] * factor;
        double difference = ((double) after[i] - before[i]) * factor;
        double least = (rounded[i] - before[i]) * factor;
        finite &= Float.isFinite(after[i]);
        double e = difference * difference;
        double b = least * least;
        double s = ref * ref;
        rowError += e;
        rowBest += b;
        rowReference += s;
        int group = c / columnGroup;
        columnError[group] += e;
        columnBest[group] += b;
        columnReference[group] += s;
        product += after[i] * factor * ref;
        largest = Math.max(largest, Math.abs(difference));
        if (rowSlopes != null) {
          rowSlopes.add(row, ref, rounded[i] * factor, after[i] * factor);
        }
        if (columnSlopes != null) {
          columnSlopes.add(c, ref, rounded[i] * factor, after[i] * factor);
        }
        if (hasSteps && steps[i] != 0) {
          offset += ((double) after[i] - before[i]) / steps[i];
        }
      }
      error += rowError;
      best += rowBest;
      reference += rowReference;
      if (isLocallyBad(rowError, rowBest, rowReference, low)) {
        firstBadRow = firstBadRow < 0 ? from + r : firstBadRow;
        badRows++;
      }
    }
  }

  private boolean isLocallyBad(double err2, double best2, double reference2, double low) {
    double allowed = Math.max(Math.sqrt(best2), low * Math.sqrt(reference2));
    return Math.sqrt(err2) > slack * LOCAL_FACTOR * allowed + 1e-30;
  }

  private double floor() {
    return grid == null ? UNQUANTIZED_FLOOR : grid.floor();
  }

  private WeightScore judge() {
    double size = Math.sqrt(reference);
    double relative = size > 0 ? Math.sqrt(error) / size : error > 0 ? Double.POSITIVE_INFINITY : 0;
    double bound =
        Math.min(
            LARGEST_BOUND,
            slack * Math.max(size > 0 ? FACTOR * Math.sqrt(best) / size : 0, floor()));
    if (!finite) {
      return new WeightScore(
          Double.POSITIVE_INFINITY,
          Double.POSITIVE_INFINITY,
          bound,
          problem(Kind.NOT_FINITE, "finite values", "NaN or infinity"));
    }
    return new WeightScore(relative, largest, bound, problem(relative, bound, size));
  }

  private Optional<Problem> problem(double relative, double bound, double size) {
    double slope = size > 0 ? product / reference : 1;
    double tilt = slack * (floor() / 2 + 0.005);
    double shift = offset / ((double) n * k);
    if (!(relative <= bound)) {
      return problem(
          Kind.ERROR,
          String.format(Locale.ROOT, "relative error <= %.3g", bound),
          String.format(Locale.ROOT, "%.3g, slope %.3g", relative, slope)
              + (badRows < n ? "; " + badRows() : ""));
    }
    if (Math.abs(slope - 1) > tilt) {
      return problem(
          Kind.SLOPE,
          String.format(Locale.ROOT, "slope 1 ± %.3f", tilt),
          String.format(Locale.ROOT, "%.4f", slope));
    }
    if (Math.abs(shift) > OFFSET_BOUND * slack && n * k >= ENOUGH_FOR_MEANS) {
      return problem(
          Kind.OFFSET,
          String.format(Locale.ROOT, "a mean error below %.2g codes", OFFSET_BOUND * slack),
          String.format(Locale.ROOT, "%.3f codes", shift));
    }
    if (badRows > 0) {
      return problem(Kind.LOCAL, "an evenly spread error", badRows());
    }
    int bad = 0;
    int first = -1;
    for (int g = 0; g < columnError.length; g++) {
      if (isLocallyBad(columnError[g], columnBest[g], columnReference[g], floor() / 2)) {
        first = first < 0 ? g : first;
        bad++;
      }
    }
    return bad == 0
        ? Optional.empty()
        : problem(
            Kind.LOCAL,
            "an evenly spread error",
            String.format(
                Locale.ROOT,
                "%d of %d groups of %d columns are far off, column %d first",
                bad,
                columnError.length,
                columnGroup,
                first * columnGroup));
  }

  private String badRows() {
    return badRows == 0
        ? "evenly spread over the rows"
        : "%d of %d rows are far off, row %d first".formatted(badRows, n, firstBadRow);
  }

  private static Optional<Problem> problem(Kind kind, String expected, String found) {
    return Optional.of(new Problem(kind, expected, found));
  }
}
