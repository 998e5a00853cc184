package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/**
 * Q4_0, Q5_0, Q4_1, Q5_1 and Q8_0: blocks of 32 elements with a binary16 scale, and a minimum in
 * the types that end in 1.
 *
 * <p>A division by the scale is a product with its float32 reciprocal, which is 0 for a scale of 0.
 * The scale that codes are made with is not rounded to binary16.
 */
final class SimpleBlocks implements BlockCodec {
  private static final int SIZE = 32;
  private static final int HALF = SIZE / 2;

  private final GgmlType type;
  private final int levels;
  private final boolean hasMinimum;
  private final boolean hasFifthBit;

  SimpleBlocks(GgmlType type) {
    this.type = type;
    this.hasMinimum = type == GgmlType.Q4_1 || type == GgmlType.Q5_1;
    this.hasFifthBit = type == GgmlType.Q5_0 || type == GgmlType.Q5_1;
    this.levels = hasFifthBit ? 32 : 16;
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    float[] weights = new float[SIZE];
    float[] codes = new float[SIZE];
    float meanSquare = importance == null ? 0 : Weighting.meanSquare(x, 0, columns);
    for (int from = 0, at = 0; from < columns; from += SIZE, at += type.blockBytes()) {
      if (type == GgmlType.Q8_0) {
        encodeBytes(x, from, out, at);
        continue;
      }
      if (importance == null) {
        direct(x, from, codes, out, at);
      } else {
        Weighting.weights(importance, meanSquare, x, from, SIZE, weights);
        search(x, from, weights, codes, out, at);
      }
      pack(codes, out, at + (hasMinimum ? 4 : 2));
    }
  }

  private void direct(float[] x, int from, float[] codes, byte[] out, int at) {
    float offset;
    float scale;
    float rounding;
    if (hasMinimum) {
      float min = x[from];
      float max = x[from];
      for (int i = 1; i < SIZE; i++) {
        // Of zeros of both signs the first counts, which min and max do not promise.
        min = x[from + i] < min ? x[from + i] : min;
        max = x[from + i] > max ? x[from + i] : max;
      }
      offset = min;
      scale = (max - min) / (levels - 1);
      rounding = 0.5f;
      Bytes.putHalf(out, at + 2, min);
    } else {
      int half = levels / 2;
      offset = 0;
      scale = SymmetricSearch.largest(x, from, SIZE) / -half;
      rounding = (levels + 1) / 2f;
    }
    Bytes.putHalf(out, at, scale);
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < SIZE; i++) {
      float code = (x[from + i] - offset) * inverse + rounding;
      codes[i] = Math.clamp((int) code, 0, levels - 1);
    }
  }

  /** The weighted procedures: what their search chose is final. */
  private void search(float[] x, int from, float[] weights, float[] codes, byte[] out, int at) {
    if (hasMinimum) {
      MinimumSearch search = new MinimumSearch(levels - 1, MinimumSearch.WEIGHTED, false);
      MinimumSearch.Result found = search.run(x, from, weights, SIZE);
      for (int i = 0; i < SIZE; i++) {
        codes[i] = found.code(x[from + i], levels - 1);
      }
      Bytes.putHalf(out, at, found.scale());
      Bytes.putHalf(out, at + 2, -found.depth());
    } else {
      int half = levels / 2;
      SymmetricSearch.Result found = SymmetricSearch.run(x, from, weights, SIZE, half);
      Bytes.putHalf(out, at, found.scale());
      for (int i = 0; i < SIZE; i++) {
        codes[i] = found.code(x[from + i], half) + half;
      }
    }
  }

  private void pack(float[] codes, byte[] out, int at) {
    int nibbles = at;
    if (hasFifthBit) {
      int high = 0;
      for (int i = 0; i < SIZE; i++) {
        high |= ((int) codes[i] >>> 4) << i;
      }
      Bytes.putInt(out, at, high);
      nibbles = at + 4;
    }
    for (int j = 0; j < HALF; j++) {
      out[nibbles + j] = (byte) ((int) codes[j] & 15 | ((int) codes[j + HALF] & 15) << 4);
    }
  }

  /** Halves away from zero. */
  private static void encodeBytes(float[] x, int from, byte[] out, int at) {
    float amax = 0;
    for (int i = 0; i < SIZE; i++) {
      amax = Math.max(amax, Math.abs(x[from + i]));
    }
    float scale = amax / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    Bytes.putHalf(out, at, scale);
    for (int i = 0; i < SIZE; i++) {
      float quotient = x[from + i] * inverse;
      out[at + 2 + i] = (byte) (quotient + Math.copySign(0.5, quotient));
    }
  }

  @Override
  public void decode(byte[] in, int columns, float[] x) {
    for (int from = 0, at = 0; from < columns; from += SIZE, at += type.blockBytes()) {
      float scale = Bytes.getHalf(in, at);
      if (type == GgmlType.Q8_0) {
        for (int i = 0; i < SIZE; i++) {
          x[from + i] = in[at + 2 + i] * scale;
        }
        continue;
      }
      float minimum = hasMinimum ? Bytes.getHalf(in, at + 2) : 0;
      int codes = at + (hasMinimum ? 4 : 2);
      int high = hasFifthBit ? Bytes.getInt(in, codes) : 0;
      int nibbles = codes + (hasFifthBit ? 4 : 0);
      for (int i = 0; i < SIZE; i++) {
        int pair = in[nibbles + i % HALF] & 0xFF;
        int code = (i < HALF ? pair & 15 : pair >>> 4) | (high >>> i & 1) << 4;
        x[from + i] = hasMinimum ? code * scale + minimum : (code - levels / 2) * scale;
      }
    }
  }
}
