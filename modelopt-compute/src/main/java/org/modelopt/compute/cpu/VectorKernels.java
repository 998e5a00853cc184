package org.modelopt.compute.cpu;

import static org.modelopt.compute.cpu.VectorShapes.DOUBLES;
import static org.modelopt.compute.cpu.VectorShapes.FLOATS;
import static org.modelopt.compute.cpu.VectorShapes.INTS;
import static org.modelopt.compute.cpu.VectorShapes.SHORTS;
import static org.modelopt.compute.cpu.VectorShapes.floats;
import static org.modelopt.compute.cpu.VectorShapes.load;
import static org.modelopt.compute.cpu.VectorShapes.loadDoubles;
import static org.modelopt.compute.cpu.VectorShapes.loadShorts;
import static org.modelopt.compute.cpu.VectorShapes.widened;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.modelopt.compute.Activation;

/**
 * The loops with the Vector API. The elements behind the last full vector are left to {@link
 * ScalarKernels}; a sum in lanes visits the row once per vector of lanes, each time every 64th
 * element's vector, so that its order does not depend on the width.
 */
final class VectorKernels implements Kernels {
  private static final int WIDTH = FLOATS.length();
  private static final int DOUBLE_WIDTH = DOUBLES.length();

  private final ScalarKernels tail = new ScalarKernels();

  @Override
  public String description() {
    return "Vector API, " + FLOATS.vectorBitSize() + " bits";
  }

  @Override
  public void decode(short[] patterns, float[] values, int first, int count) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += WIDTH) {
      IntVector bits =
          (IntVector)
              loadShorts(patterns, i).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
      bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(values, first + i);
    }
    for (int i = bound; i < count; i++) {
      values[first + i] = Bfloat16.decode(patterns[i]);
    }
  }

  @Override
  public void encode(float[] values, int first, short[] patterns, int count) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += WIDTH) {
      IntVector bits = VectorMath.bfloat16(load(values, first + i));
      ((ShortVector) bits.convertShape(VectorOperators.I2S, SHORTS, 0)).intoArray(patterns, i);
    }
    for (int i = bound; i < count; i++) {
      patterns[i] = Bfloat16.encode(values[first + i]);
    }
  }

  @Override
  public void round(float[] x, int from, int to) {
    int bound = from + FLOATS.loopBound(to - from);
    for (int i = from; i < bound; i += WIDTH) {
      VectorMath.rounded(load(x, i)).intoArray(x, i);
    }
    tail.round(x, bound, to);
  }

  @Override
  public void add(float[] x, float[] y, int count) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += WIDTH) {
      load(x, i).add(load(y, i)).intoArray(x, i);
    }
    for (int i = bound; i < count; i++) {
      x[i] += y[i];
    }
  }

  @Override
  public void multiply(float[] x, float[] y, int count) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += WIDTH) {
      load(x, i).mul(load(y, i)).intoArray(x, i);
    }
    for (int i = bound; i < count; i++) {
      x[i] *= y[i];
    }
  }

  @Override
  public void addScaled(float[] x, float[] y, int count, float factor) {
    int bound = FLOATS.loopBound(count);
    FloatVector factors = floats(factor);
    for (int i = 0; i < bound; i += WIDTH) {
      load(y, i).fma(factors, load(x, i)).intoArray(x, i);
    }
    ScalarKernels.addScaled(x, y, bound, count, factor);
  }

  @Override
  public void clampAddOne(float[] x, int count, float limit) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += WIDTH) {
      load(x, i).max(-limit).min(limit).add(1).intoArray(x, i);
    }
    ScalarKernels.clampAddOne(x, bound, count, limit);
  }

  @Override
  public void scale(float[] x, int from, int to, float factor) {
    int bound = from + FLOATS.loopBound(to - from);
    for (int i = from; i < bound; i += WIDTH) {
      load(x, i).mul(factor).intoArray(x, i);
    }
    tail.scale(x, bound, to, factor);
  }

  @Override
  public void divide(float[] x, int from, int to, float divisor) {
    int bound = from + FLOATS.loopBound(to - from);
    for (int i = from; i < bound; i += WIDTH) {
      load(x, i).div(divisor).intoArray(x, i);
    }
    tail.divide(x, bound, to, divisor);
  }

  @Override
  public void activate(Activation activation, float[] x, int count) {
    int bound = FLOATS.loopBound(count);
    switch (activation) {
      case SILU -> VectorMath.silu(x, bound);
      case GELU_TANH -> VectorMath.geluTanh(x, bound);
      case GELU -> VectorMath.gelu(x, bound);
      case RELU -> VectorMath.relu(x, bound);
      case CLAMPED_SWIGLU -> {
        for (int i = 0; i < bound; i += WIDTH) {
          load(x, i).min(Activation.SWIGLU_LIMIT).mul(Activation.SWIGLU_ALPHA).intoArray(x, i);
        }
        VectorMath.silu(x, bound);
        for (int i = 0; i < bound; i += WIDTH) {
          load(x, i).mul(1 / Activation.SWIGLU_ALPHA).intoArray(x, i);
        }
      }
    }
    ScalarKernels.activate(activation, x, bound, count);
  }

  @Override
  public void cap(float[] x, int from, int to, float cap) {
    int bound = from + FLOATS.loopBound(to - from);
    for (int i = from; i < bound; i += WIDTH) {
      load(x, i).div(cap).intoArray(x, i);
    }
    VectorMath.tanh(x, from, bound);
    for (int i = from; i < bound; i += WIDTH) {
      load(x, i).mul(cap).intoArray(x, i);
    }
    tail.cap(x, bound, to, cap);
  }

  @Override
  public void rotate(float[] x, int first, int half, float[] cos, float[] sin, boolean rounding) {
    int bound = FLOATS.loopBound(half);
    if (rounding) {
      rotateRounding(x, first, half, cos, sin, bound);
    } else {
      for (int i = 0; i < bound; i += WIDTH) {
        FloatVector a = load(x, first + i);
        FloatVector b = load(x, first + half + i);
        a.mul(load(cos, i)).sub(b.mul(load(sin, i))).intoArray(x, first + i);
        b.mul(load(cos, i)).add(a.mul(load(sin, i))).intoArray(x, first + half + i);
      }
    }
    ScalarKernels.rotate(x, first, half, cos, sin, rounding, bound);
  }

  private void rotateRounding(float[] x, int first, int half, float[] cos, float[] sin, int bound) {
    float[] byCos = new float[2 * bound];
    float[] bySin = new float[2 * bound];
    for (int i = 0; i < bound; i += WIDTH) {
      FloatVector a = load(x, first + i);
      FloatVector b = load(x, first + half + i);
      a.mul(load(cos, i)).intoArray(byCos, i);
      b.mul(load(cos, i)).intoArray(byCos, bound + i);
      b.mul(load(sin, i)).intoArray(bySin, i);
      a.mul(load(sin, i)).intoArray(bySin, bound + i);
    }
    round(byCos, 0, byCos.length);
    round(bySin, 0, bySin.length);
    for (int i = 0; i < bound; i += WIDTH) {
      load(byCos, i).sub(load(bySin, i)).intoArray(x, first + i);
      load(byCos, bound + i).add(load(bySin, bound + i)).intoArray(x, first + half + i);
    }
  }

  @Override
  public float sumOfSquares(float[] x, int count) {
    float[] lanes = new float[LANES];
    int bound = count - count % LANES;
    for (int lane = 0; lane < LANES; lane += WIDTH) {
      FloatVector sum = VectorMath.zero();
      for (int i = lane; i < bound; i += LANES) {
        FloatVector value = load(x, i);
        sum = value.fma(value, sum);
      }
      sum.intoArray(lanes, lane);
    }
    ScalarKernels.addSquares(x, bound, count, lanes);
    return ScalarKernels.sum(lanes);
  }

  @Override
  public float max(float[] x, int from, int to) {
    int bound = from + FLOATS.loopBound(to - from);
    FloatVector max = floats(Float.NEGATIVE_INFINITY);
    for (int i = from; i < bound; i += WIDTH) {
      max = max.max(load(x, i));
    }
    return Math.max(max.reduceLanes(VectorOperators.MAX), tail.max(x, bound, to));
  }

  @Override
  public float exponentials(float[] x, int from, int to, float shift) {
    float[] lanes = new float[LANES];
    int bound = to - (to - from) % LANES;
    for (int lane = 0; lane < LANES; lane += WIDTH) {
      FloatVector sum = VectorMath.zero();
      for (int i = from + lane; i < bound; i += LANES) {
        FloatVector value = VectorMath.exp(load(x, i).sub(shift));
        value.intoArray(x, i);
        sum = sum.add(value);
      }
      sum.intoArray(lanes, lane);
    }
    ScalarKernels.exponentials(x, from, bound, to, shift, lanes);
    return ScalarKernels.sum(lanes);
  }

  @Override
  public void addExponentials(float[] x, int count, float shift, double[] lanes) {
    int bound = count - count % LANES;
    for (int lane = 0; lane < LANES; lane += DOUBLE_WIDTH) {
      DoubleVector sum = loadDoubles(lanes, lane);
      for (int i = lane; i < bound; i += LANES) {
        sum = sum.add(VectorMath.exp(widened(x, i).sub(shift)));
      }
      sum.intoArray(lanes, lane);
    }
    ScalarKernels.addExponentials(x, bound, count, shift, lanes);
  }

  @Override
  public void accumulate(float[] x, int count, float[] amax, double[] sums, int first) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += WIDTH) {
      load(amax, first + i).max(load(x, i).abs()).intoArray(amax, first + i);
    }
    for (int i = 0; i < bound; i += DOUBLE_WIDTH) {
      loadDoubles(sums, first + i).add(widened(x, i).abs()).intoArray(sums, first + i);
    }
    ScalarKernels.accumulate(x, bound, count, amax, sums, first);
  }

  @Override
  public boolean allFinite(float[] x, int from, int to) {
    int bound = from + FLOATS.loopBound(to - from);
    FloatVector sum = VectorMath.zero();
    for (int i = from; i < bound; i += WIDTH) {
      sum = load(x, i).fma(VectorMath.zero(), sum); // infinity and NaN times 0 are NaN
    }
    return sum.reduceLanes(VectorOperators.ADD) == 0 && tail.allFinite(x, bound, to);
  }

  @Override
  public int panelColumns() {
    return VectorProduct.PANEL_COLUMNS;
  }

  @Override
  public void interleave(float[][] lines, int count, float[] panel, int first) {
    float[] line0 = lines[0];
    float[] line1 = lines[1];
    float[] line2 = lines[2];
    float[] line3 = lines[3];
    for (int i = 0; i < count; i++) {
      int index = first + i * VectorProduct.PANEL_COLUMNS;
      panel[index] = line0[i];
      panel[index + 1] = line1[i];
      panel[index + 2] = line2[i];
      panel[index + 3] = line3[i];
    }
  }

  @Override
  public void multiply(Rows a, int rows, Panels b, int depth, Rows c) {
    VectorProduct.multiply(a, rows, b, depth, c);
  }
}
