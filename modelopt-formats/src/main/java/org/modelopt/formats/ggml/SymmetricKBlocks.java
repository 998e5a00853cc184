package org.modelopt.formats.ggml;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Q3_K and Q6_K: values {@code d * scale * code}, with signed integers for the scales of sixteen
 * sub-blocks and for the codes.
 */
final class SymmetricKBlocks implements BlockCodec {
  private static final int SUPER = KCodes.SUPER;
  private static final int SIZE = 16;
  private static final int COUNT = SUPER / SIZE;

  private final GgmlType type;
  private final SymmetricSearches searches;
  private final boolean six;
  private final int levels;

  SymmetricKBlocks(GgmlType type, SymmetricSearches searches) {
    this.type = type;
    this.searches = searches;
    this.six = type == GgmlType.Q6_K;
    this.levels = six ? 32 : 4;
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    float[] scales = new float[columns / SIZE];
    float[] codes = new float[columns];
    float[] weights = weights(x, columns, importance);
    if (!six && importance == null) {
      float[] block = new float[SIZE];
      for (int b = 0; b < scales.length; b++) {
        scales[b] = SymmetricSearch.refine(x, b * SIZE, SIZE, levels, block);
        System.arraycopy(block, 0, codes, b * SIZE, SIZE);
      }
    } else {
      searches.run(levels, x, weights, columns, SIZE, scales, codes);
    }
    for (int b = 0; b < columns / SUPER; b++) {
      float[] own = Arrays.copyOfRange(scales, b * COUNT, (b + 1) * COUNT);
      if (six) {
        writeSix(x, codes, own, b, out);
      } else {
        writeThree(x, codes, own, importance == null ? null : weights, b, out);
      }
    }
  }

  /** Weights of all elements: their squares, or by importance. */
  private float[] weights(float[] x, int columns, float @Nullable [] importance) {
    if (six && importance != null) {
      return importance;
    }
    float[] weights = new float[columns];
    for (int from = 0; from < columns; from += SUPER) {
      float sigma2 = importance == null ? 0 : 2 * Weighting.meanSquare(x, from, SUPER);
      for (int i = from; i < from + SUPER; i++) {
        float square = x[i] * x[i];
        weights[i] =
            importance == null ? square : importance[i] * (float) Math.sqrt(sigma2 + square);
      }
    }
    return weights;
  }

  private void writeSix(float[] x, float[] searched, float[] scales, int b, byte[] out) {
    int at = b * type.blockBytes();
    float largest = SymmetricSearch.largest(scales, 0, COUNT);
    if (Math.abs(largest) < SymmetricSearch.EPSILON) {
      Arrays.fill(out, at, at + type.blockBytes(), (byte) 0);
      return;
    }
    float inverse = -128 / largest;
    float d = Bytes.throughHalf(1 / inverse);
    int[] stored = new int[COUNT];
    for (int j = 0; j < COUNT; j++) {
      stored[j] = (int) Bytes.near(inverse * scales[j], -128, 127);
      out[at + 192 + j] = (byte) stored[j];
    }
    byte[] codes = codes(x, searched, d, stored, b);
    KCodes.packHalves(codes, out, at);
    KCodes.packPairs(codes, 4, out, at + 128);
    Bytes.putHalf(out, at + 208, d);
  }

  private void writeThree(
      float[] x, float[] searched, float[] scales, float @Nullable [] weights, int b, byte[] out) {
    int at = b * type.blockBytes();
    float[] found = new float[COUNT];
    float scale;
    if (weights != null) {
      float[] sums = new float[COUNT];
      for (int j = 0; j < COUNT; j++) {
        for (int i = 0; i < SIZE; i++) {
          sums[j] += weights[b * SUPER + j * SIZE + i];
        }
      }
      scale = SymmetricSearch.run(scales, 0, sums, COUNT, 32, found);
    } else {
      float largest = SymmetricSearch.largest(scales, 0, COUNT);
      float inverse = largest == 0 ? 0 : -32 / largest;
      for (int j = 0; j < COUNT; j++) {
        // Without a scale nothing is stored, which stands for -32.
        found[j] = largest == 0 ? -32 : Bytes.near(inverse * scales[j], -32, 31);
      }
      scale = largest == 0 ? 0 : 1 / inverse;
    }
    float d = Bytes.throughHalf(scale);
    int[] signed = new int[COUNT];
    int[] stored = new int[COUNT];
    for (int j = 0; j < COUNT; j++) {
      signed[j] = (int) found[j];
      stored[j] = signed[j] + 32;
    }
    byte[] codes = codes(x, searched, d, signed, b);
    KCodes.packBit(codes, 2, out, at);
    KCodes.packPairs(codes, 0, out, at + 32);
    KCodes.packScales(stored, out, at + 96);
    Bytes.putHalf(out, at + 108, d);
  }

  /** Codes for the scales as stored, moved up to start at 0. */
  private byte[] codes(float[] x, float[] searched, float d, int[] scales, int b) {
    byte[] codes = new byte[SUPER];
    for (int j = 0; j < COUNT; j++) {
      float scale = d * scales[j];
      int from = b * SUPER + j * SIZE;
      for (int i = 0; i < SIZE; i++) {
        float code =
            scale == 0 ? searched[from + i] : Bytes.near(x[from + i] / scale, -levels, levels - 1);
        codes[j * SIZE + i] = (byte) (code + levels);
      }
    }
    return codes;
  }

  @Override
  public void decode(byte[] in, int columns, float[] x) {
    int[] scales = new int[COUNT];
    byte[] codes = new byte[SUPER];
    for (int b = 0; b < columns / SUPER; b++) {
      int at = b * type.blockBytes();
      float d = Bytes.getHalf(in, six ? at + 208 : at + 108);
      if (six) {
        KCodes.unpackHalves(in, at, codes);
        KCodes.addPairs(in, at + 128, 4, codes);
        for (int j = 0; j < COUNT; j++) {
          scales[j] = in[at + 192 + j];
        }
      } else {
        Arrays.fill(codes, (byte) 0);
        KCodes.addPairs(in, at + 32, 0, codes);
        KCodes.addBit(in, at, 2, codes);
        KCodes.unpackScales(in, at + 96, scales);
        for (int j = 0; j < COUNT; j++) {
          scales[j] -= 32;
        }
      }
      for (int i = 0; i < SUPER; i++) {
        x[b * SUPER + i] = d * scales[i / SIZE] * (codes[i] - levels);
      }
    }
  }
}
