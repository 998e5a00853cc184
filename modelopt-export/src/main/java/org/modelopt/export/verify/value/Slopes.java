package org.modelopt.export.verify.value;

import java.util.Locale;
import java.util.Optional;
import org.modelopt.export.verify.layout.RowsBefore;
import org.modelopt.export.verify.value.WeightScore.Kind;
import org.modelopt.export.verify.value.WeightScore.Problem;

/**
 * Least-squares slopes of an export's rows, or of its columns, against those of the original; and
 * those that plain rounding would have, which for values below half a step are 0.
 */
public final class Slopes {
  /** Factors that are this far from agreeing are never blamed: they may have been rounded. */
  private static final double TOLERANCE = 0.1;

  /** How many times the expected scatter of a slope is allowed. */
  private static final double SCATTER = 12;

  private final double[] product;
  private final double[] rounded;
  private final double[] least;
  private final double[] reference;

  /** Slopes of {@code count} rows or columns. */
  public Slopes(long count) {
    int size = Math.toIntExact(count);
    this.product = new double[size];
    this.rounded = new double[size];
    this.least = new double[size];
    this.reference = new double[size];
  }

  /** Takes in one element of row or column {@code at}: original, plainly rounded, exported. */
  void add(int at, double original, double plain, double export) {
    product[at] += export * original;
    rounded[at] += plain * original;
    least[at] += (plain - original) * (plain - original);
    reference[at] += original * original;
  }

  /** Number of rows or columns. */
  public int size() {
    return product.length;
  }

  /**
   * Slopes of the export as factors of rows; empty if one of them is not positive, because then the
   * rows are no multiples of the original's.
   */
  public Optional<float[]> factors() {
    float[] factors = new float[product.length];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = (float) of(i);
      if (!(factors[i] > 0) || Float.isInfinite(factors[i])) {
        return Optional.empty();
      }
    }
    return Optional.of(factors);
  }

  /**
   * What is wrong with the columns of a weight [n, k] that take back factors of the rows of the one
   * before it: those whose slope is not what it would be under these factors.
   *
   * @param before slopes of the rows, under the factors
   * @param link which row each column follows
   * @param width columns of the weight before
   * @param n rows of this weight
   * @param slack multiplies what is allowed
   */
  public Optional<Problem> disagreement(
      Slopes before, RowsBefore link, long width, long n, double slack) {
    double byRow = SCATTER / Math.sqrt((double) width);
    double byColumn = SCATTER / Math.sqrt((double) n);
    int bad = 0;
    int first = -1;
    for (int c = 0; c < product.length; c++) {
      double allowed = TOLERANCE + byColumn * error(c) + byRow * before.error(link.row(c));
      if (!(deviation(c) <= slack * allowed)) {
        first = first < 0 ? c : first;
        bad++;
      }
    }
    return bad == 0
        ? Optional.empty()
        : Optional.of(
            new Problem(
                Kind.FOLDED,
                "the factors that the rows of %s show".formatted(link.path()),
                String.format(
                    Locale.ROOT,
                    "%d of %d columns have others, column %d first, with %.3f of it",
                    bad,
                    product.length,
                    first,
                    of(first))));
  }

  /** Slope of the export; 1 where the original is zero. */
  private double of(int at) {
    return reference[at] > 0 ? product[at] / reference[at] : 1;
  }

  /** How far the export's slope is from that of plain rounding, as a share of the original. */
  private double deviation(int at) {
    return reference[at] > 0 ? Math.abs(product[at] - rounded[at]) / reference[at] : 0;
  }

  /** Relative error of plain rounding. */
  private double error(int at) {
    return reference[at] > 0 ? Math.sqrt(least[at] / reference[at]) : 0;
  }
}
