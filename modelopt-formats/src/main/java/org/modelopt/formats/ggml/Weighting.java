package org.modelopt.formats.ggml;

/** Weights of squared errors from the importance of columns and the size of the elements. */
final class Weighting {
  private Weighting() {}

  /** Mean of the squares of {@code n} elements, summed in order. */
  static float meanSquare(float[] x, int from, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += x[from + i] * x[from + i];
    }
    return sum / n;
  }

  /** {@code importance * sqrt(sigma2 + x^2)} for {@code n} elements. */
  static void weights(
      float[] importance, float sigma2, float[] x, int from, int n, float[] weights) {
    for (int i = 0; i < n; i++) {
      float value = x[from + i];
      weights[i] = importance[from + i] * (float) Math.sqrt(sigma2 + value * value);
    }
  }

  /** Sum of {@code n} weights in order. */
  static float sum(float[] weights, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += weights[i];
    }
    return sum;
  }
}
