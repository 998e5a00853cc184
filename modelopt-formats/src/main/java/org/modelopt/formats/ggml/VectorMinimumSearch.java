package org.modelopt.formats.ggml;

import static jdk.incubator.vector.VectorOperators.ABS;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/**
 * {@link MinimumSearch} in lanes. Arrays hold element i of lane k at {@code i * COUNT + k}; what
 * passes from one loop to the next is in arrays, too, as vectors in fields would be objects.
 */
final class VectorMinimumSearch {
  private static final int COUNT = Lanes.COUNT;

  private final MinimumSearch search;
  private final int size;
  private final float[] x;
  private final float[] w;
  private final float[] codes;
  private final float[] low = new float[COUNT];
  private final float[] firstLow = new float[COUNT];
  private final float[] high = new float[COUNT];
  private final float[] sumW = new float[COUNT];
  private final float[] sumX = new float[COUNT];
  private final float[] sumL = new float[COUNT];
  private final float[] sumL2 = new float[COUNT];
  private final float[] sumXl = new float[COUNT];
  private final float[] inverse = new float[COUNT];
  private final float[] trialScale = new float[COUNT];
  private final float[] trialLow = new float[COUNT];
  private final float[] error = new float[COUNT];
  private final float[] scale = new float[COUNT];
  private final float[] bestInverse = new float[COUNT];
  private final float[] bestLow = new float[COUNT];
  private final float[] best = new float[COUNT];

  VectorMinimumSearch(MinimumSearch search, int size) {
    this.search = search;
    this.size = size;
    this.x = new float[size * COUNT];
    this.w = new float[size * COUNT];
    this.codes = new float[size * COUNT];
  }

  KLoops.MinimumResults run(float[] row, float @Nullable [] weights, int columns) {
    int blocks = columns / size;
    KLoops.MinimumResults results = new KLoops.MinimumResults(blocks);
    for (int first = 0; first < blocks; first += COUNT) {
      int lanes = Math.min(COUNT, blocks - first);
      Lanes.gather(row, first, lanes, size, x);
      if (weights == null) {
        ownWeights(search.rootMeanSquare() ? size : 0);
      } else {
        Lanes.gather(weights, first, lanes, size, w);
      }
      begin();
      spread(search.top());
      fit(search.top());
      start();
      MinimumSearch.Grid grid = search.grid();
      for (int t = 0; t <= grid.last(); t++) {
        spread(grid.first() + grid.step() * t + search.top());
        fit(search.top());
        solve();
        error(grid.absolute());
        accept();
      }
      store(results, first, lanes);
    }
    return results;
  }

  /** Magnitudes, on top of the root mean square of {@code count} elements if that is not 0. */
  private void ownWeights(int count) {
    FloatVector base = FloatVector.zero(Lanes.FLOATS);
    if (count > 0) {
      for (int at = 0; at < x.length; at += COUNT) {
        FloatVector v = load(x, at);
        base = base.add(v.mul(v));
      }
      base = base.div(count).lanewise(VectorOperators.SQRT);
    }
    for (int at = 0; at < x.length; at += COUNT) {
      base.add(load(x, at).lanewise(ABS)).intoArray(w, at);
    }
  }

  private void begin() {
    FloatVector least = load(x, 0);
    FloatVector most = least;
    FloatVector weights = FloatVector.zero(Lanes.FLOATS);
    FloatVector products = weights;
    for (int at = 0; at < x.length; at += COUNT) {
      FloatVector v = load(x, at);
      FloatVector weight = load(w, at);
      least = least.min(v);
      most = most.max(v);
      weights = weights.add(weight);
      products = products.add(weight.mul(v));
    }
    FloatVector floor = least.blend(0, least.compare(GT, 0));
    floor.intoArray(low, 0);
    floor.intoArray(firstLow, 0);
    most.intoArray(high, 0);
    weights.intoArray(sumW, 0);
    products.intoArray(sumX, 0);
  }

  /** Codes per unit when the range has so many. */
  private void spread(float levels) {
    Lanes.floats(levels).div(load(high, 0).sub(load(low, 0))).intoArray(inverse, 0);
  }

  /** The plain trial. */
  private void start() {
    load(inverse, 0).intoArray(bestInverse, 0);
    load(low, 0).intoArray(bestLow, 0);
    load(low, 0).intoArray(trialLow, 0);
    FloatVector plain = Lanes.floats(1).div(load(inverse, 0));
    plain.intoArray(scale, 0);
    plain.intoArray(trialScale, 0);
    error(search.grid().absolute());
    load(error, 0).intoArray(best, 0);
  }

  /** Codes of a trial, and the sums of its least squares. */
  private void fit(int top) {
    FloatVector perUnit = load(inverse, 0);
    FloatVector from = load(low, 0);
    FloatVector l1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector l2 = l1;
    FloatVector xl = l1;
    for (int at = 0; at < x.length; at += COUNT) {
      FloatVector v = load(x, at);
      FloatVector code = Lanes.nearest(perUnit.mul(v.sub(from)), 0, top);
      code.intoArray(codes, at);
      FloatVector wl = load(w, at).mul(code);
      l1 = l1.add(wl);
      l2 = l2.add(wl.mul(code));
      xl = xl.add(wl.mul(v));
    }
    l1.intoArray(sumL, 0);
    l2.intoArray(sumL2, 0);
    xl.intoArray(sumXl, 0);
  }

  /** Scale and minimum of the least squares; NaN where there are none. */
  private void solve() {
    FloatVector l1 = load(sumL, 0);
    FloatVector l2 = load(sumL2, 0);
    FloatVector xl = load(sumXl, 0);
    FloatVector weights = load(sumW, 0);
    FloatVector products = load(sumX, 0);
    FloatVector determinant = weights.mul(l2).sub(l1.mul(l1));
    FloatVector foundScale = weights.mul(xl).sub(products.mul(l1)).div(determinant);
    FloatVector foundLow = l2.mul(products).sub(l1.mul(xl)).div(determinant);
    VectorMask<Float> above = foundLow.compare(GT, 0);
    VectorMask<Float> none = determinant.compare(GT, 0).not();
    foundScale.blend(xl.div(l2), above).blend(Float.NaN, none).intoArray(trialScale, 0);
    foundLow.blend(0, above).intoArray(trialLow, 0);
  }

  private void error(boolean absolute) {
    FloatVector perCode = load(trialScale, 0);
    FloatVector from = load(trialLow, 0);
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    for (int at = 0; at < x.length; at += COUNT) {
      FloatVector difference = perCode.mul(load(codes, at)).add(from).sub(load(x, at));
      FloatVector length = absolute ? difference.lanewise(ABS) : difference.mul(difference);
      sum = sum.add(load(w, at).mul(length));
    }
    sum.intoArray(error, 0);
  }

  private void accept() {
    FloatVector now = load(error, 0);
    VectorMask<Float> better = now.compare(LT, load(best, 0));
    if (!better.anyTrue()) {
      return;
    }
    now.intoArray(best, 0, better);
    load(trialScale, 0).intoArray(scale, 0, better);
    load(inverse, 0).intoArray(bestInverse, 0, better);
    load(low, 0).intoArray(bestLow, 0, better);
    load(trialLow, 0).intoArray(low, 0, better);
  }

  private void store(KLoops.MinimumResults results, int first, int lanes) {
    for (int lane = 0; lane < lanes; lane++) {
      boolean empty = high[lane] <= firstLow[lane];
      results.scales[first + lane] = empty ? 0 : scale[lane];
      results.depths[first + lane] = -(empty ? firstLow[lane] : low[lane]);
      results.inverses[first + lane] = empty ? 0 : bestInverse[lane];
      results.lows[first + lane] = empty ? 0 : bestLow[lane];
    }
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
