package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.NormSpec;

/**
 * The operations in plain Java, which define the results of the faster rungs.
 *
 * <p>Sums over a row run in 64 lanes: element i is added to lane i mod 64 in order of i, then lanes
 * i and i + n are added for n = 32, 16, ..., 1. This order can be kept by vectors of any width.
 */
final class ScalarKernels implements Kernels {
  static final int LANES = 64;

  @Override
  public void convert(Elements x, Elements y, long from, long to) {
    for (long i = from; i < to; i++) {
      y.set(i, x.get(i));
    }
  }

  @Override
  public void embed(
      MemorySegment ids, MemorySegment table, long rowBytes, MemorySegment y, long from, long to) {
    for (long i = from; i < to; i++) {
      long row = Elements.intAt(ids, i);
      MemorySegment.copy(table, row * rowBytes, y, i * rowBytes, rowBytes);
    }
  }

  @Override
  public void rmsNorm(
      Elements x, Elements weight, NormSpec spec, Elements y, int columns, long from, long to) {
    for (long row = from; row < to; row++) {
      long start = row * columns;
      float[] lanes = new float[LANES];
      for (int i = 0; i < columns; i++) {
        float value = x.get(start + i);
        lanes[i % LANES] = Math.fma(value, value, lanes[i % LANES]);
      }
      float factor = inverseRms(sum(lanes), columns, spec);
      for (int i = 0; i < columns; i++) {
        float scaled = x.get(start + i) * factor;
        float w = spec.unitOffset() ? 1 + weight.get(i) : weight.get(i);
        y.set(start + i, spec.weightInFloat32() ? scaled * w : y.round(scaled) * y.round(w));
      }
    }
  }

  /** {@code 1 / sqrt(squares / columns + epsilon)}, each step rounded to float32. */
  static float inverseRms(float squares, int columns, NormSpec spec) {
    return 1 / (float) Math.sqrt(squares / columns + spec.epsilon());
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
  public void rotate(Elements x, Elements y, long firstElement, Rotation rotation, int position) {
    int half = rotation.half();
    long angles = (long) position * half;
    for (int head = 0; head < rotation.heads(); head++) {
      long start = firstElement + (long) head * rotation.headSize();
      for (int i = 0; i < half; i++) {
        float cos = y.round(rotation.cos().get(angles + i));
        float sin = y.round(rotation.sin().get(angles + i));
        float first = x.get(start + i);
        float second = x.get(start + half + i);
        y.set(start + i, y.round(first * cos) + y.round(-second * sin));
        y.set(start + half + i, y.round(second * cos) + y.round(first * sin));
      }
      for (int i = 2 * half; i < rotation.headSize(); i++) {
        y.set(start + i, x.get(start + i));
      }
    }
  }

  @Override
  public void gated(
      Activation activation, Elements gate, Elements up, Elements y, long from, long to) {
    for (long i = from; i < to; i++) {
      y.set(i, y.round(FloatMath.activate(activation, gate.get(i))) * up.get(i));
    }
  }

  @Override
  public void add(Elements x, Elements y, Elements sum, long from, long to) {
    for (long i = from; i < to; i++) {
      sum.set(i, x.get(i) + y.get(i));
    }
  }

  @Override
  public void summarize(
      Elements x, long rows, int columns, float[] amax, double[] absoluteSum, int from, int to) {
    for (long row = 0; row < rows; row++) {
      for (int c = from; c < to; c++) {
        float magnitude = Math.abs(x.get(row * columns + c));
        amax[c] = Math.max(amax[c], magnitude);
        absoluteSum[c] += magnitude;
      }
    }
  }

  @Override
  public double logLikelihood(Elements logits, long row, int vocabulary, int target) {
    long start = row * vocabulary;
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits.get(start + i));
    }
    double[] lanes = new double[LANES];
    for (int i = 0; i < vocabulary; i++) {
      lanes[i % LANES] += Math.exp((double) logits.get(start + i) - max);
    }
    return (double) logits.get(start + target) - max - Math.log(sum(lanes));
  }

  @Override
  public void attend(AttentionCall call, int sequence, int head, int firstQuery, int lastQuery) {
    AttentionSpec spec = call.spec();
    long base = call.starts()[sequence];
    int keyHead = call.keyValueHead(head);
    int size = spec.headSize();
    int valueSize = spec.valueHeadSize();
    float[] weights = new float[lastQuery];
    for (int position = firstQuery; position < lastQuery; position++) {
      int first = call.firstKey(position);
      long query = ((base + position) * spec.heads() + head) * size;
      float max = Float.NEGATIVE_INFINITY;
      for (int j = first; j <= position; j++) {
        long key = ((base + j) * spec.keyValueHeads() + keyHead) * size;
        float score = 0;
        for (int c = 0; c < size; c++) {
          score = Math.fma(call.q().get(query + c), call.k().get(key + c), score);
        }
        weights[j] = scaled(score, spec);
        max = Math.max(max, weights[j]);
      }
      float[] lanes = new float[LANES];
      for (int j = first; j <= position; j++) {
        weights[j] = FloatMath.exp(weights[j] - max);
        lanes[(j - first) % LANES] += weights[j];
      }
      float sum = sum(lanes);
      for (int j = first; j <= position; j++) {
        weights[j] = call.y().round(weights[j] / sum);
      }
      long result = ((base + position) * spec.heads() + head) * valueSize;
      for (int c = 0; c < valueSize; c++) {
        float value = 0;
        for (int j = first; j <= position; j++) {
          long element = ((base + j) * spec.keyValueHeads() + keyHead) * valueSize + c;
          value = Math.fma(weights[j], call.v().get(element), value);
        }
        call.y().set(result + c, value);
      }
    }
  }

  private static float scaled(float score, AttentionSpec spec) {
    float scaled = score * spec.scale();
    return spec.softCap() == 0 ? scaled : spec.softCap() * FloatMath.tanh(scaled / spec.softCap());
  }
}
