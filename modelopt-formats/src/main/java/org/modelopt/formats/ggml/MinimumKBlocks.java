package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/**
 * Q2_K, Q4_K and Q5_K: values {@code d * scale * code - dmin * depth}, with small integers for
 * scale and depth of each sub-block.
 *
 * <p>Each sub-block is searched, the scales and depths found are quantized to the super-block's,
 * and all codes are made again with the scales as stored.
 */
final class MinimumKBlocks implements BlockCodec {
  private static final int SUPER = KCodes.SUPER;

  private final GgmlType type;
  private final KLoops loops;
  private final int size;
  private final int count;
  private final int top;
  private final int topScale;

  MinimumKBlocks(GgmlType type, KLoops loops) {
    this.type = type;
    this.loops = loops;
    this.size = type == GgmlType.Q2_K ? 16 : 32;
    this.count = SUPER / size;
    this.top = type == GgmlType.Q2_K ? 3 : type == GgmlType.Q4_K ? 15 : 31;
    this.topScale = type == GgmlType.Q2_K ? 15 : 63;
  }

  private MinimumSearch search(boolean weighted) {
    if (weighted) {
      return new MinimumSearch(top, MinimumSearch.WEIGHTED, false);
    }
    return switch (type) {
      case Q2_K -> new MinimumSearch(top, new MinimumSearch.Grid(-0.5f, 0.1f, 15, true), false);
      case Q4_K -> new MinimumSearch(top, new MinimumSearch.Grid(-1, 0.1f, 20, false), true);
      default -> new MinimumSearch(top, new MinimumSearch.Grid(-0.5f, 0.1f, 15, false), true);
    };
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    float[] weights = importance == null ? null : weights(x, columns, importance);
    KLoops.MinimumResults results =
        loops.minimum(search(weights != null), x, weights, columns, size);
    SuperBlock block = new SuperBlock();
    for (int b = 0; b < columns / SUPER; b++) {
      block.quantizeScales(results, weights, b);
      block.write(x, results, b, out);
    }
  }

  private float[] weights(float[] x, int columns, float[] importance) {
    float[] weights = new float[columns];
    for (int from = 0; from < columns; from += SUPER) {
      float mean = Weighting.meanSquare(x, from, SUPER);
      float sigma2 = type == GgmlType.Q2_K ? mean : 2 * mean;
      for (int i = from; i < from + SUPER; i++) {
        weights[i] = importance[i] * (float) Math.sqrt(sigma2 + x[i] * x[i]);
      }
    }
    return weights;
  }

  /** The scales of one super-block, and the bytes made with them. */
  private final class SuperBlock {
    private final int[] scales = new int[count];
    private final int[] depths = new int[count];
    private final byte[] codes = new byte[SUPER];
    private final float[] values = new float[count];
    private final float[] sums = new float[count];
    private final float[] levels = new float[count];
    private float d;
    private float dmin;

    void quantizeScales(KLoops.MinimumResults results, float @Nullable [] weights, int b) {
      if (weights != null) {
        for (int j = 0; j < count; j++) {
          float sum = 0;
          for (int i = 0; i < size; i++) {
            sum += weights[b * SUPER + j * size + i];
          }
          sums[j] = sum;
        }
      }
      d = Bytes.throughHalf(levels(results.scales, b, weights != null, scales));
      dmin = Bytes.throughHalf(levels(results.depths, b, weights != null, depths));
    }

    /** Quantizes one number for each sub-block and returns their scale. */
    private float levels(float[] found, int b, boolean weighted, int[] to) {
      System.arraycopy(found, b * count, values, 0, count);
      float scale;
      if (weighted) {
        scale = LevelSearch.run(values, count, sums, topScale, levels);
      } else {
        float max = 0;
        for (float value : values) {
          max = Math.max(max, value);
        }
        float inverse = max > 0 ? topScale / max : 0;
        for (int j = 0; j < count; j++) {
          levels[j] = Bytes.near(inverse * values[j], 0, topScale);
        }
        scale = max / topScale;
      }
      for (int j = 0; j < count; j++) {
        to[j] = (int) levels[j];
      }
      return scale;
    }

    void write(float[] x, KLoops.MinimumResults results, int b, byte[] out) {
      for (int j = 0; j < count; j++) {
        int from = b * SUPER + j * size;
        float scale = d * scales[j];
        if (scale != 0) {
          loops.round(x, from, size, dmin * depths[j], scale, 0, top, codes, j * size);
          continue;
        }
        MinimumSearch.Result found = results.get(b * count + j);
        for (int i = 0; i < size; i++) {
          codes[j * size + i] = (byte) found.code(x[from + i], top);
        }
      }
      int at = b * type.blockBytes();
      if (type == GgmlType.Q2_K) {
        for (int j = 0; j < count; j++) {
          out[at + j] = (byte) (scales[j] | depths[j] << 4);
        }
        KCodes.packPairs(codes, 0, out, at + 16);
        Bytes.putHalf(out, at + 80, d);
        Bytes.putHalf(out, at + 82, dmin);
        return;
      }
      Bytes.putHalf(out, at, d);
      Bytes.putHalf(out, at + 2, dmin);
      KCodes.packSixBits(scales, depths, out, at + 4);
      if (type == GgmlType.Q5_K) {
        KCodes.packBit(codes, 4, out, at + 16);
        KCodes.packNibbles(codes, out, at + 48);
      } else {
        KCodes.packNibbles(codes, out, at + 16);
      }
    }
  }

  @Override
  public void decode(byte[] in, int columns, float[] x) {
    int[] scales = new int[count];
    int[] depths = new int[count];
    byte[] codes = new byte[SUPER];
    for (int b = 0; b < columns / SUPER; b++) {
      int at = b * type.blockBytes();
      boolean two = type == GgmlType.Q2_K;
      float d = Bytes.getHalf(in, two ? at + 80 : at);
      float dmin = Bytes.getHalf(in, two ? at + 82 : at + 2);
      if (two) {
        for (int j = 0; j < count; j++) {
          scales[j] = in[at + j] & 15;
          depths[j] = in[at + j] >>> 4 & 15;
        }
        java.util.Arrays.fill(codes, (byte) 0);
        KCodes.addPairs(in, at + 16, 0, codes);
      } else {
        KCodes.unpackSixBits(in, at + 4, scales, depths);
        KCodes.unpackNibbles(in, type == GgmlType.Q5_K ? at + 48 : at + 16, codes);
        if (type == GgmlType.Q5_K) {
          KCodes.addBit(in, at + 16, 4, codes);
        }
      }
      for (int i = 0; i < SUPER; i++) {
        int j = i / size;
        x[b * SUPER + i] = d * scales[j] * codes[i] - dmin * depths[j];
      }
    }
  }
}
