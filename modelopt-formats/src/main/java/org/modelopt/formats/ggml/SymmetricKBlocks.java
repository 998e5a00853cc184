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
  private final KLoops loops;
  private final boolean six;
  private final int levels;

  SymmetricKBlocks(GgmlType type, KLoops loops) {
    this.type = type;
    this.loops = loops;
    this.six = type == GgmlType.Q6_K;
    this.levels = six ? 32 : 4;
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    if (!six && importance == null) {
      encodeRefined(x, columns, out);
      return;
    }
    float[] weights = importance == null || six ? importance : weights(x, columns, importance);
    KLoops.SymmetricResults results = loops.symmetric(levels, x, weights, columns, SIZE);
    for (int b = 0; b < columns / SUPER; b++) {
      Searched searched = new Searched(x, results, b);
      if (six) {
        writeSix(x, searched, b, out);
      } else {
        writeThree(x, searched, weights, b, out);
      }
    }
  }

  /** Scales of a super-block and, where they are needed, the codes that they were found with. */
  private final class Searched {
    private final float[] scales;
    private final float[] x;
    private final KLoops.@Nullable SymmetricResults results;
    private final float[] codes;
    private final int block;

    Searched(float[] x, KLoops.SymmetricResults results, int block) {
      this.scales = Arrays.copyOfRange(results.scales, block * COUNT, (block + 1) * COUNT);
      this.x = x;
      this.results = results;
      this.codes = new float[0];
      this.block = block;
    }

    Searched(float[] x, float[] scales, float[] codes, int block) {
      this.scales = scales;
      this.x = x;
      this.results = null;
      this.codes = codes;
      this.block = block;
    }

    /** The code of element {@code i} of sub-block {@code j}. */
    int code(int j, int i) {
      return results == null
          ? (int) codes[j * SIZE + i]
          : results.get(block * COUNT + j).code(x[block * SUPER + j * SIZE + i], levels);
    }
  }

  private void encodeRefined(float[] x, int columns, byte[] out) {
    float[] block = new float[SIZE];
    float[] codes = new float[SUPER];
    float[] scales = new float[COUNT];
    for (int b = 0; b < columns / SUPER; b++) {
      for (int j = 0; j < COUNT; j++) {
        scales[j] = SymmetricSearch.refine(x, b * SUPER + j * SIZE, SIZE, levels, block);
        System.arraycopy(block, 0, codes, j * SIZE, SIZE);
      }
      writeThree(x, new Searched(x, scales, codes, b), null, b, out);
    }
  }

  private static float[] weights(float[] x, int columns, float[] importance) {
    float[] weights = new float[columns];
    for (int from = 0; from < columns; from += SUPER) {
      float sigma2 = 2 * Weighting.meanSquare(x, from, SUPER);
      for (int i = from; i < from + SUPER; i++) {
        weights[i] = importance[i] * (float) Math.sqrt(sigma2 + x[i] * x[i]);
      }
    }
    return weights;
  }

  private void writeSix(float[] x, Searched searched, int b, byte[] out) {
    float[] scales = searched.scales;
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
      stored[j] = Bytes.near(inverse * scales[j], -128, 127);
      out[at + 192 + j] = (byte) stored[j];
    }
    byte[] codes = codes(x, searched, d, stored, b);
    KCodes.packHalves(codes, out, at);
    KCodes.packPairs(codes, 4, out, at + 128);
    Bytes.putHalf(out, at + 208, d);
  }

  private void writeThree(
      float[] x, Searched searched, float @Nullable [] weights, int b, byte[] out) {
    float[] scales = searched.scales;
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
      SymmetricSearch.Result result = SymmetricSearch.run(scales, 0, sums, COUNT, 32);
      scale = result.scale();
      for (int j = 0; j < COUNT; j++) {
        found[j] = result.code(scales[j], 32);
      }
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
  private byte[] codes(float[] x, Searched searched, float d, int[] scales, int b) {
    byte[] codes = new byte[SUPER];
    for (int j = 0; j < COUNT; j++) {
      float scale = d * scales[j];
      if (scale != 0) {
        int from = b * SUPER + j * SIZE;
        loops.round(x, from, SIZE, 0, scale, levels, levels - 1, codes, j * SIZE);
        continue;
      }
      for (int i = 0; i < SIZE; i++) {
        codes[j * SIZE + i] = (byte) (searched.code(j, i) + levels);
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
