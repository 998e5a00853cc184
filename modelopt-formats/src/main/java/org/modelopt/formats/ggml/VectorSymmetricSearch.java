package org.modelopt.formats.ggml;

import static jdk.incubator.vector.VectorOperators.ABS;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import org.jspecify.annotations.Nullable;

/**
 * {@link SymmetricSearch#run} in lanes. Arrays hold element i of lane k at {@code i * COUNT + k}.
 */
final class VectorSymmetricSearch {
  private static final int COUNT = Lanes.COUNT;

  private final int levels;
  private final int size;
  private final float[] x;
  private final float[] w;

  VectorSymmetricSearch(int levels, int size) {
    this.levels = levels;
    this.size = size;
    this.x = new float[size * COUNT];
    this.w = new float[size * COUNT];
  }

  KLoops.SymmetricResults run(float[] row, float @Nullable [] weights, int columns) {
    int blocks = columns / size;
    KLoops.SymmetricResults results = new KLoops.SymmetricResults(blocks);
    for (int first = 0; first < blocks; first += COUNT) {
      int lanes = Math.min(COUNT, blocks - first);
      Lanes.gather(row, first, lanes, size, x);
      if (weights == null) {
        for (int at = 0; at < x.length; at += COUNT) {
          FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, at);
          v.mul(v).intoArray(w, at);
        }
      } else {
        Lanes.gather(weights, first, lanes, size, w);
      }
      search(results, first, lanes);
    }
    return results;
  }

  private FloatVector largest() {
    FloatVector amax = FloatVector.zero(Lanes.FLOATS);
    FloatVector largest = amax;
    for (int at = 0; at < size * COUNT; at += COUNT) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, at);
      FloatVector magnitude = v.lanewise(ABS);
      VectorMask<Float> larger = magnitude.compare(GT, amax);
      amax = amax.blend(magnitude, larger);
      largest = largest.blend(v, larger);
    }
    return largest;
  }

  private void search(KLoops.SymmetricResults results, int first, int lanes) {
    FloatVector largest = largest();
    VectorMask<Float> empty = largest.lanewise(ABS).compare(LT, SymmetricSearch.EPSILON);
    FloatVector bestInverse = FloatVector.zero(Lanes.FLOATS);
    FloatVector scale = bestInverse;
    FloatVector best = bestInverse;
    for (int t = 0; t < SymmetricSearch.TRIALS; t++) {
      FloatVector inverse = Lanes.floats(SymmetricSearch.trialLevels(t, levels)).div(largest);
      FloatVector a = FloatVector.zero(Lanes.FLOATS);
      FloatVector b = a;
      for (int at = 0; at < size * COUNT; at += COUNT) {
        FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, at);
        FloatVector weight = FloatVector.fromArray(Lanes.FLOATS, w, at);
        FloatVector code = Lanes.nearest(inverse.mul(v), -levels, levels - 1);
        a = a.add(weight.mul(v).mul(code));
        b = b.add(weight.mul(code).mul(code));
      }
      FloatVector trial = a.div(b).blend(0, b.compare(EQ, 0));
      if (t == 0) {
        bestInverse = inverse;
        scale = trial;
        best = trial.mul(a);
        continue;
      }
      VectorMask<Float> better = b.compare(GT, 0).and(a.mul(a).compare(GT, best.mul(b)));
      bestInverse = bestInverse.blend(inverse, better);
      scale = scale.blend(trial, better);
      best = best.blend(trial.mul(a), better);
    }
    VectorMask<Float> range = Lanes.FLOATS.indexInRange(0, lanes);
    scale.blend(0, empty).intoArray(results.scales, first, range);
    bestInverse
        .blend(SymmetricSearch.Result.ALL_ZERO, empty)
        .intoArray(results.inverses, first, range);
  }
}
