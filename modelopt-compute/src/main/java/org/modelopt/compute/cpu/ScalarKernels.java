package org.modelopt.compute.cpu;

import org.modelopt.compute.Activation;

/** The loops in plain Java. They define the results of the other implementations. */
final class ScalarKernels implements Kernels {
  private static final int PANEL_COLUMNS = 16;

  @Override
  public String description() {
    return "plain Java";
  }

  @Override
  public void decode(short[] patterns, float[] values, int first, int count) {
    for (int i = 0; i < count; i++) {
      values[first + i] = Bfloat16.decode(patterns[i]);
    }
  }

  @Override
  public void encode(float[] values, int first, short[] patterns, int count) {
    for (int i = 0; i < count; i++) {
      patterns[i] = Bfloat16.encode(values[first + i]);
    }
  }

  @Override
  public void round(float[] x, int from, int to) {
    for (int i = from; i < to; i++) {
      x[i] = Bfloat16.round(x[i]);
    }
  }

  @Override
  public void add(float[] x, float[] y, int count) {
    for (int i = 0; i < count; i++) {
      x[i] += y[i];
    }
  }

  @Override
  public void multiply(float[] x, float[] y, int count) {
    for (int i = 0; i < count; i++) {
      x[i] *= y[i];
    }
  }

  @Override
  public void addScaled(float[] x, float[] y, int count, float factor) {
    addScaled(x, y, 0, count, factor);
  }

  static void addScaled(float[] x, float[] y, int from, int to, float factor) {
    for (int i = from; i < to; i++) {
      x[i] = Math.fma(y[i], factor, x[i]);
    }
  }

  @Override
  public void clampAddOne(float[] x, int count, float limit) {
    clampAddOne(x, 0, count, limit);
  }

  static void clampAddOne(float[] x, int from, int to, float limit) {
    for (int i = from; i < to; i++) {
      x[i] = Math.min(Math.max(x[i], -limit), limit) + 1;
    }
  }

  @Override
  public void scale(float[] x, int from, int to, float factor) {
    for (int i = from; i < to; i++) {
      x[i] *= factor;
    }
  }

  @Override
  public void divide(float[] x, int from, int to, float divisor) {
    for (int i = from; i < to; i++) {
      x[i] /= divisor;
    }
  }

  @Override
  public void activate(Activation activation, float[] x, int count) {
    activate(activation, x, 0, count);
  }

  static void activate(Activation activation, float[] x, int from, int to) {
    for (int i = from; i < to; i++) {
      x[i] = FloatMath.activate(activation, x[i]);
    }
  }

  @Override
  public void cap(float[] x, int from, int to, float cap) {
    for (int i = from; i < to; i++) {
      x[i] = cap * FloatMath.tanh(x[i] / cap);
    }
  }

  @Override
  public void rotate(float[] x, int first, int half, float[] cos, float[] sin, boolean rounding) {
    rotate(x, first, half, cos, sin, rounding, 0);
  }

  static void rotate(
      float[] x, int first, int half, float[] cos, float[] sin, boolean rounding, int start) {
    for (int i = start; i < half; i++) {
      float a = x[first + i];
      float b = x[first + half + i];
      float aCos = a * cos[i];
      float bSin = b * sin[i];
      float bCos = b * cos[i];
      float aSin = a * sin[i];
      if (rounding) {
        aCos = Bfloat16.round(aCos);
        bSin = Bfloat16.round(bSin);
        bCos = Bfloat16.round(bCos);
        aSin = Bfloat16.round(aSin);
      }
      x[first + i] = aCos - bSin;
      x[first + half + i] = bCos + aSin;
    }
  }

  @Override
  public float sumOfSquares(float[] x, int count) {
    float[] lanes = new float[LANES];
    addSquares(x, 0, count, lanes);
    return sum(lanes);
  }

  static void addSquares(float[] x, int from, int to, float[] lanes) {
    for (int i = from; i < to; i++) {
      lanes[i % LANES] = Math.fma(x[i], x[i], lanes[i % LANES]);
    }
  }

  /** Adds the lanes, halving their number in each step; overwrites them. */
  static float sum(float[] lanes) {
    for (int half = lanes.length / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[i + half];
      }
    }
    return lanes[0];
  }

  /** Adds the lanes, halving their number in each step; overwrites them. */
  static double sum(double[] lanes) {
    for (int half = lanes.length / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[i + half];
      }
    }
    return lanes[0];
  }

  @Override
  public float max(float[] x, int from, int to) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      max = Math.max(max, x[i]);
    }
    return max;
  }

  @Override
  public float exponentials(float[] x, int from, int to, float shift) {
    float[] lanes = new float[LANES];
    exponentials(x, from, from, to, shift, lanes);
    return sum(lanes);
  }

  /** Elements {@code start} to {@code to} of a row that begins at {@code from}. */
  static void exponentials(float[] x, int from, int start, int to, float shift, float[] lanes) {
    for (int i = start; i < to; i++) {
      x[i] = FloatMath.exp(x[i] - shift);
      lanes[(i - from) % LANES] += x[i];
    }
  }

  @Override
  public void addExponentials(float[] x, int count, float shift, double[] lanes) {
    addExponentials(x, 0, count, shift, lanes);
  }

  static void addExponentials(float[] x, int from, int to, float shift, double[] lanes) {
    for (int i = from; i < to; i++) {
      lanes[i % LANES] += FloatMath.exp((double) x[i] - shift);
    }
  }

  @Override
  public void accumulate(float[] x, int count, float[] amax, double[] sums, int first) {
    accumulate(x, 0, count, amax, sums, first);
  }

  static void accumulate(float[] x, int from, int to, float[] amax, double[] sums, int first) {
    for (int i = from; i < to; i++) {
      float magnitude = Math.abs(x[i]);
      amax[first + i] = Math.max(amax[first + i], magnitude);
      sums[first + i] += magnitude;
    }
  }

  @Override
  public boolean allFinite(float[] x, int from, int to) {
    for (int i = from; i < to; i++) {
      if (!Float.isFinite(x[i])) {
        return false;
      }
    }
    return true;
  }

  @Override
  public int panelColumns() {
    return PANEL_COLUMNS;
  }

  @Override
  public void interleave(float[][] lines, int count, float[] panel, int first) {
    for (int column = 0; column < lines.length; column++) {
      float[] line = lines[column];
      for (int i = 0; i < count; i++) {
        panel[first + column + i * PANEL_COLUMNS] = line[i];
      }
    }
  }

  @Override
  public void multiply(Rows a, int rows, Panels b, int depth, Rows c) {
    float[] sums = new float[PANEL_COLUMNS];
    for (int panel = 0; panel < b.count(); panel++) {
      int start = b.first() + panel * b.stride();
      for (int row = 0; row < rows; row++) {
        chains(a.values(), a.first() + row * a.stride(), b.values(), start, depth, sums);
        int result = c.first() + row * c.stride() + panel * PANEL_COLUMNS;
        for (int j = 0; j < PANEL_COLUMNS; j++) {
          c.values()[result + j] += sums[j];
        }
      }
    }
  }

  private static void chains(
      float[] a, int row, float[] panel, int start, int depth, float[] sums) {
    java.util.Arrays.fill(sums, 0);
    for (int i = 0; i < depth; i++) {
      float value = a[row + i];
      int terms = start + i * PANEL_COLUMNS;
      for (int j = 0; j < PANEL_COLUMNS; j++) {
        sums[j] = Math.fma(value, panel[terms + j], sums[j]);
      }
    }
  }
}
