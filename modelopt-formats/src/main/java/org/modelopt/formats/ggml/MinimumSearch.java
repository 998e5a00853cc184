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
 * @param rootMeanSquare whether weights, where there is no importance, are at least that
 */
record MinimumSearch(int top, Grid grid, boolean rootMeanSquare) {
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
   * @param inverse codes per unit of the trial that won
   * @param low the minimum that it started from
   */
  record Result(float scale, float depth, float inverse, float low) {
    /** The code of {@code value} under the trial that won. */
    int code(float value, int top) {
      return Bytes.near(inverse * (value - low), 0, top);
    }
  }

  /** Weights where there is no importance: magnitudes, on top of the root mean square or not. */
  void ownWeights(float[] x, int from, int n, float[] weights) {
    float base = rootMeanSquare ? (float) Math.sqrt(Weighting.meanSquare(x, from, n)) : 0;
    for (int i = 0; i < n; i++) {
      weights[i] = base + Math.abs(x[from + i]);
    }
  }

  /** Searches for one sub-block under {@code weights[0 .. n)}. */
  Result run(float[] x, int from, float[] weights, int n) {
    float[] codes = new float[n];
    float low = x[from];
    float high = x[from];
    float sumW = 0;
    float sumX = 0;
    for (int i = 0; i < n; i++) {
      float value = x[from + i];
      low = value < low ? value : low;
      high = value > high ? value : high;
      sumW += weights[i];
      sumX += weights[i] * value;
    }
    low = low > 0 ? 0 : low;
    if (high <= low) {
      return new Result(0, -low, 0, 0);
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
    return new Result(scale, -low, bestInverse, bestLow);
  }

  private float size(float difference) {
    return grid.absolute() ? Math.abs(difference) : difference * difference;
  }
}
