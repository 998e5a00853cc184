package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/** One sub-block after the other, one element after the other. */
final class ScalarKLoops implements KLoops {
  @Override
  public MinimumResults minimum(
      MinimumSearch search, float[] x, float @Nullable [] weights, int columns, int size) {
    MinimumResults results = new MinimumResults(columns / size);
    float[] own = new float[size];
    for (int b = 0; b < columns / size; b++) {
      if (weights == null) {
        search.ownWeights(x, b * size, size, own);
      } else {
        System.arraycopy(weights, b * size, own, 0, size);
      }
      results.set(b, search.run(x, b * size, own, size));
    }
    return results;
  }

  @Override
  public SymmetricResults symmetric(
      int levels, float[] x, float @Nullable [] weights, int columns, int size) {
    SymmetricResults results = new SymmetricResults(columns / size);
    float[] own = new float[size];
    for (int b = 0; b < columns / size; b++) {
      for (int i = 0; i < size; i++) {
        float value = x[b * size + i];
        own[i] = weights == null ? value * value : weights[b * size + i];
      }
      SymmetricSearch.Result result = SymmetricSearch.run(x, b * size, own, size, levels);
      results.scales[b] = result.scale();
      results.inverses[b] = result.inverse();
    }
    return results;
  }

  @Override
  public void round(
      float[] x,
      int from,
      int n,
      float addend,
      float divisor,
      int low,
      int high,
      byte[] codes,
      int at) {
    for (int i = 0; i < n; i++) {
      codes[at + i] = (byte) (Bytes.near((x[from + i] + addend) / divisor, -low, high) + low);
    }
  }
}
