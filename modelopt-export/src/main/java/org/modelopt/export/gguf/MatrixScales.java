package org.modelopt.export.gguf;

import java.util.Arrays;
import org.modelopt.compute.Workers;
import org.modelopt.export.gguf.rows.RowSource;

/**
 * The scale of each matrix that NVFP4 values are divided by before they are encoded, and multiplied
 * with at run time.
 *
 * <p>Without it, scales of small weights fall into the coarse steps below the smallest normal E4M3
 * number. A power of two, so that dividing is exact; it puts the largest scale of a block between
 * 120 and 240, as the reference's encoder has nothing between 240 and 448.
 */
final class MatrixScales {
  private static final float LARGEST_CODE = 6;
  private static final float LARGEST_SCALE = 240;

  private MatrixScales() {}

  /** Scales of {@code matrices} matrices that share the rows of {@code source} evenly. */
  static float[] of(RowSource source, int matrices, Workers workers) {
    long rows = source.rows();
    float[] amax = new float[Math.toIntExact(rows)];
    workers.forRange(
        rows,
        64,
        (from, to) -> {
          float[] x = new float[source.columns()];
          for (long row = from; row < to; row++) {
            amax[(int) row] = source.read(row, x);
          }
        });
    float[] scales = new float[matrices];
    int each = amax.length / matrices;
    for (int m = 0; m < matrices; m++) {
      float largest = 0;
      for (int row = m * each; row < (m + 1) * each; row++) {
        largest = Math.max(largest, amax[row]);
      }
      scales[m] = scale(largest);
    }
    return scales;
  }

  /** The power of two that brings {@code amax} to at most 240 times the largest code. */
  static float scale(float amax) {
    if (amax == 0) {
      return 1;
    }
    int exponent = Math.getExponent(amax / (LARGEST_CODE * LARGEST_SCALE));
    float power = Math.scalb(1f, Math.max(exponent, -120));
    return power * LARGEST_CODE * LARGEST_SCALE < amax ? 2 * power : power;
  }

  /** One scale for everything. */
  static float[] none(int matrices) {
    float[] scales = new float[matrices];
    Arrays.fill(scales, 1);
    return scales;
  }
}
