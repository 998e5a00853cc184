package org.modelopt.export.verify.value;

/**
 * Least-squares slopes of an export's rows, or of its columns, against those of the original; and
 * those that plain rounding would have, which for values below half a step are 0.
 */
final class Slopes {
  private final double[] product;
  private final double[] rounded;
  private final double[] least;
  private final double[] reference;

  /** Slopes of {@code count} rows or columns. */
  Slopes(long count) {
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

  int size() {
    return product.length;
  }

  /** Slope of the export; 1 where the original is zero. */
  double of(int at) {
    return reference[at] > 0 ? product[at] / reference[at] : 1;
  }

  /** How far the export's slope is from that of plain rounding, as a share of the original. */
  double deviation(int at) {
    return reference[at] > 0 ? Math.abs(product[at] - rounded[at]) / reference[at] : 0;
  }

  /** Relative error of plain rounding. */
  double error(int at) {
    return reference[at] > 0 ? Math.sqrt(least[at] / reference[at]) : 0;
  }
}
