package org.modelopt.formats.ggml;

/**
 * Scale and minimum of a sub-block whose values are {@code scale * code - depth} with codes 0 to
 * {@code top}: a grid of trial scales, each followed by a weighted least-squares fit.
 *
 * <p>A trial that lowers the weighted error is kept, and its minimum is what later trials start
 * from. Sums are float32 in element order; improvements must be strict. Source: ggml, {@code
 * make_qkx2_quants} and {@code make_qkx3_quants}.
 *
 * @param top largest code
 * @param grid which scales are tried
 */
record MinimumSearch(int top, Grid grid) {
  /**
   * Trial i of 0 to {@code last} has the scale that spreads the range over {@code top + first +
   * step * i} codes.
   *
   * @param absolute whether errors are absolute, not squared
   */
  record Grid(float first, float step, int last, boolean absolute) {}

  /** The grid of every weighted procedure. */
  static final Grid WEIGHTED = new Grid(-0.9f, 0.05f, 36, false);

  /**
   * What was found.
   *
   * @param depth the negated minimum, not negative
   */
  record Result(float scale, float depth) {}

  /**
   * Searches for one sub-block.
   *
   * @param codes receives {@code n} codes
   */
  Result run(float[] x, int from, float[] weights, int n, float[] codes) {
    float low = 0;
    float high = x[from];
    float sumW = 0;
    float sumX = 0;
    for (int i = 0; i < n; i++) {
      float value = x[from + i];
      low = Math.min(low, value);
      high = Math.max(high, value);
      sumW += weights[i];
      sumX += weights[i] * value;
    }
    if (high <= low) {
      java.util.Arrays.fill(codes, 0, n, 0);
      return new Result(0, -low);
    }
    float inverse = top / (high - low);
    float scale = 1 / inverse;
    float bestInverse = inverse;
    float bestLow = low;
    float best = 0;
    for (int i = 0; i < n; i++) {
      float code = Bytes.near(inverse * (x[from + i] - low), 0, top);
      best += weights[i] * size(scale * code + low - x[from + i]);
    }
    for (int t = 0; t <= grid.last(); t++) {
      inverse = (grid.first() + grid.step() * t + top) / (high - low);
      float sumL = 0;
      float sumL2 = 0;
      float sumXl = 0;
      for (int i = 0; i < n; i++) {
        float code = Bytes.near(inverse * (x[from + i] - low), 0, top);
        codes[i] = code;
        float wl = weights[i] * code;
        sumL += wl;
        sumL2 += wl * code;
        sumXl += wl * x[from + i];
      }
      float determinant = sumW * sumL2 - sumL * sumL;
      if (!(determinant > 0)) {
        continue;
      }
      float trialScale = (sumW * sumXl - sumX * sumL) / determinant;
      float trialLow = (sumL2 * sumX - sumL * sumXl) / determinant;
      if (trialLow > 0) {
        trialLow = 0;
        trialScale = sumXl / sumL2;
      }
      float error = 0;
      for (int i = 0; i < n; i++) {
        error += weights[i] * size(trialScale * codes[i] + trialLow - x[from + i]);
      }
      if (error < best) {
        best = error;
        scale = trialScale;
        bestInverse = inverse;
        bestLow = low;
        low = trialLow;
      }
    }
    for (int i = 0; i < n; i++) {
      codes[i] = Bytes.near(bestInverse * (x[from + i] - bestLow), 0, top);
    }
    return new Result(scale, -low);
  }

  private float size(float difference) {
    return grid.absolute() ? Math.abs(difference) : difference * difference;
  }
}
