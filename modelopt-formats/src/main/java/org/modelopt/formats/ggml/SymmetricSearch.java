package org.modelopt.formats.ggml;

import java.util.Arrays;

/**
 * Scale of a sub-block whose values are {@code scale * code} with codes -n to n - 1.
 *
 * <p>With A the weighted sum of x times code and B that of squared codes, the best scale for given
 * codes is A/B and lowers the squared error by A^2/B. Sums are float32 in element order. Where all
 * elements count as zero, codes are -n, which is stored as 0.
 */
final class SymmetricSearch {
  /** Sub-blocks without a larger magnitude count as zero. */
  static final float EPSILON = 1e-15f;

  static final int TRIALS = 19;

  private static final int PASSES = 5;

  private SymmetricSearch() {}

  /**
   * What was found.
   *
   * @param scale 0 if all elements count as zero
   * @param inverse codes per unit of the trial that won
   */
  record Result(float scale, float inverse) {
    /** Stands where all elements count as zero. */
    static final float ALL_ZERO = 0;

    /** The code of {@code value} under the trial that won. */
    int code(float value, int levels) {
      return inverse == ALL_ZERO ? -levels : Bytes.near(inverse * value, -levels, levels - 1);
    }
  }

  /** The element of largest magnitude, with its sign; the first of several. */
  static float largest(float[] x, int from, int n) {
    float amax = 0;
    float largest = 0;
    for (int i = 0; i < n; i++) {
      float magnitude = Math.abs(x[from + i]);
      if (magnitude > amax) {
        amax = magnitude;
        largest = x[from + i];
      }
    }
    return largest;
  }

  /**
   * Tries 19 scales around the one that maps the largest element to {@code -levels}; source: ggml,
   * {@code make_qx_quants}.
   *
   * @param weights of the squared errors, {@code n} from the first on
   */
  static Result run(float[] x, int from, float[] weights, int n, int levels) {
    float largest = largest(x, from, n);
    if (Math.abs(largest) < EPSILON) {
      return new Result(0, Result.ALL_ZERO);
    }
    float bestInverse = 0;
    float scale = 0;
    float best = 0;
    for (int t = 0; t < TRIALS; t++) {
      float inverse = trialLevels(t, levels) / largest;
      float a = 0;
      float b = 0;
      for (int i = 0; i < n; i++) {
        float code = Bytes.near(inverse * x[from + i], -levels, levels - 1);
        a += weights[i] * x[from + i] * code;
        b += weights[i] * code * code;
      }
      if (t == 0 || (b > 0 && a * a > best * b)) {
        bestInverse = inverse;
        scale = b == 0 ? 0 : a / b;
        best = scale * a;
      }
    }
    return new Result(scale, bestInverse);
  }

  /**
   * The code that the largest element is mapped to: trial 0 is the plain scale, trials 1 to 18 are
   * off by -9 to 9 tenths without 0.
   */
  static float trialLevels(int trial, int levels) {
    if (trial == 0) {
      return -levels;
    }
    int offset = trial < 10 ? trial - 10 : trial - 9;
    return -(levels + 0.1f * offset);
  }

  /**
   * Starts from the plain scale and moves one code at a time; weights are the squares of the
   * elements. Source: ggml, {@code make_q3_quants}.
   */
  static float refine(float[] x, int from, int n, int levels, float[] codes) {
    float largest = largest(x, from, n);
    if (Math.abs(largest) < EPSILON) {
      Arrays.fill(codes, 0, n, -levels);
      return 0;
    }
    float inverse = -levels / largest;
    float a = 0;
    float b = 0;
    for (int i = 0; i < n; i++) {
      float value = x[from + i];
      float weight = value * value;
      codes[i] = Bytes.near(inverse * value, -levels, levels - 1);
      a += weight * value * codes[i];
      b += weight * codes[i] * codes[i];
    }
    boolean changed = true;
    for (int pass = 0; pass < PASSES && changed; pass++) {
      changed = false;
      for (int i = 0; i < n; i++) {
        float value = x[from + i];
        float weight = value * value;
        float trialA = a - weight * value * codes[i];
        if (!(trialA > 0)) {
          continue;
        }
        float trialB = b - weight * codes[i] * codes[i];
        float code = Bytes.near(value * trialB / trialA, -levels, levels - 1);
        if (code == codes[i]) {
          continue;
        }
        trialA += weight * value * code;
        trialB += weight * code * code;
        if (trialB > 0 && trialA * trialA * b > a * a * trialB) {
          codes[i] = code;
          a = trialA;
          b = trialB;
          changed = true;
        }
      }
    }
    return b > 0 ? a / b : 0;
  }
}
