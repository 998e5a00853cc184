package org.modelopt.formats.ggml;

import java.util.Arrays;

/**
 * One scale for the scales (or depths) of a super-block: non-negative values to levels 0 to {@code
 * top} under weights. Source: ggml, {@code make_qp_quants}.
 */
final class LevelSearch {
  private static final int PASSES = 5;

  private LevelSearch() {}

  /**
   * Searches.
   *
   * @param levels receives a level for each value
   * @return the scale, 0 if all values count as zero
   */
  static float run(float[] x, int n, float[] weights, int top, float[] levels) {
    float max = 0;
    for (int i = 0; i < n; i++) {
      max = Math.max(max, x[i]);
    }
    if (max < SymmetricSearch.EPSILON) {
      Arrays.fill(levels, 0, n, 0);
      return 0;
    }
    float inverse = top / max;
    float best = error(x, n, weights, Float.MAX_VALUE, inverse);
    for (int t = -4; t <= 4; t++) {
      if (t == 0) {
        continue;
      }
      float trial = (0.1f * t + top) / max;
      float error = error(x, n, weights, top, trial);
      if (error < best) {
        best = error;
        inverse = trial;
      }
    }
    float a = 0;
    float b = 0;
    for (int i = 0; i < n; i++) {
      levels[i] = level(inverse * x[i], top);
      a += weights[i] * x[i] * levels[i];
      b += weights[i] * levels[i] * levels[i];
    }
    boolean changed = true;
    for (int pass = 0; pass < PASSES && changed; pass++) {
      changed = false;
      for (int i = 0; i < n; i++) {
        float w = weights[i];
        float trialA = a - w * x[i] * levels[i];
        float trialB = b - w * levels[i] * levels[i];
        if (!(trialA > 0) || !(trialB > 0)) {
          continue;
        }
        float level = level(x[i] * trialB / trialA, top);
        if (level == levels[i]) {
          continue;
        }
        trialA += w * x[i] * level;
        trialB += w * level * level;
        if (trialA * trialA * b > a * a * trialB) {
          levels[i] = level;
          a = trialA;
          b = trialB;
          changed = true;
        }
      }
    }
    return b > 0 ? a / b : 0;
  }

  private static float error(float[] x, int n, float[] weights, float top, float inverse) {
    float scale = 1 / inverse;
    float error = 0;
    for (int i = 0; i < n; i++) {
      float difference = x[i] - scale * level(inverse * x[i], top);
      error += weights[i] * difference * difference;
    }
    return error;
  }

  /** Capped, not floored: values are not negative. */
  private static float level(float value, float top) {
    return Bytes.near(value, Integer.MIN_VALUE, (int) top);
  }
}
