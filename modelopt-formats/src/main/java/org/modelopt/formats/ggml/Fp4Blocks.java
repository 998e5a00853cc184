package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/**
 * MXFP4 and NVFP4: E2M1 floats with a power-of-two scale for 32 elements, or an unsigned E4M3 scale
 * for 16.
 *
 * <p>A code is the nearest value, the smaller one on ties; code 8, negative zero, never occurs.
 * Importance is not looked at.
 */
final class Fp4Blocks implements BlockCodec {
  /** Values of codes 0 to 7. */
  private static final float[] VALUES = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

  /** A magnitude above the i-th number of scale units has a code above i. */
  static final float[] BOUNDS = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5};

  private static final int SUB_BLOCK = 16;
  private static final float LARGEST = 6;

  private final GgmlType type;

  Fp4Blocks(GgmlType type) {
    this.type = type;
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    if (type == GgmlType.MXFP4) {
      for (int from = 0, at = 0; from < columns; from += 32, at += 17) {
        int exponent = powerScale(amax(x, from, 32));
        out[at] = (byte) exponent;
        encode(x, from, 16, powerValue(exponent), out, at + 1);
      }
      return;
    }
    for (int from = 0, at = 0; from < columns; from += 64, at += 36) {
      for (int s = 0; s < 4; s++) {
        int first = from + s * SUB_BLOCK;
        int scale = toUnsignedE4m3(amax(x, first, SUB_BLOCK) / LARGEST);
        out[at + s] = (byte) scale;
        encode(x, first, SUB_BLOCK / 2, fromUnsignedE4m3(scale), out, at + 4 + 8 * s);
      }
    }
  }

  static float amax(float[] x, int from, int n) {
    float amax = 0;
    for (int i = 0; i < n; i++) {
      amax = Math.max(amax, Math.abs(x[from + i]));
    }
    return amax;
  }

  /** Byte j has element j in its low and element j + half in its high four bits. */
  private static void encode(float[] x, int from, int half, float scale, byte[] out, int at) {
    for (int j = 0; j < half; j++) {
      out[at + j] = (byte) (code(x[from + j], scale) | code(x[from + j + half], scale) << 4);
    }
  }

  /**
   * The code of {@code value} in units of {@code scale}; products with the bounds are exact. Where
   * the scale is 0, all values are equally near and the first one counts.
   */
  private static int code(float value, float scale) {
    if (scale == 0) {
      return 0;
    }
    float magnitude = Math.abs(value);
    int code = 0;
    for (float bound : BOUNDS) {
      code += magnitude > bound * scale ? 1 : 0;
    }
    return code != 0 && value < 0 ? code | 8 : code;
  }

  @Override
  public void decode(byte[] in, int columns, float[] x) {
    if (type == GgmlType.MXFP4) {
      for (int from = 0, at = 0; from < columns; from += 32, at += 17) {
        decode(in, at + 1, 16, powerValue(in[at] & 0xFF), x, from);
      }
      return;
    }
    for (int from = 0, at = 0; from < columns; from += 64, at += 36) {
      for (int s = 0; s < 4; s++) {
        float scale = fromUnsignedE4m3(in[at + s] & 0xFF);
        decode(in, at + 4 + 8 * s, SUB_BLOCK / 2, scale, x, from + s * SUB_BLOCK);
      }
    }
  }

  private static void decode(byte[] in, int at, int half, float scale, float[] x, int from) {
    for (int j = 0; j < half; j++) {
      x[from + j] = value(in[at + j] & 15) * scale;
      x[from + j + half] = value(in[at + j] >>> 4 & 15) * scale;
    }
  }

  private static float value(int code) {
    return code < 8 ? VALUES[code] : -VALUES[code & 7];
  }

  /**
   * {@code floor(log2(amax)) - 2 + 127} with the logarithm rounded to float32, which just below
   * large powers of two gives the next one. 0 for zero, and for magnitudes below 2^-125, where the
   * reference computes a negative exponent.
   */
  static int powerScale(float amax) {
    int bits = Float.floatToRawIntBits(amax);
    int exponent = bits >>> 23;
    if ((bits & 0x7FFF00) == 0x7FFF00) {
      exponent = 127 + (int) Math.floor((float) (Math.log(amax) / Math.log(2)));
    }
    return Math.max(0, exponent - 2);
  }

  /** 2^(exponent - 127); 255 has no value and gives NaN. */
  static float powerValue(int exponent) {
    if (exponent == 255) {
      return Float.NaN;
    }
    return Float.intBitsToFloat(exponent == 0 ? 0x00400000 : exponent << 23);
  }

  /**
   * E4M3 without a sign: below 2^-6 in steps of 2^-9, halves up; above, the mantissa is rounded by
   * the first bit that does not fit. What is 256 or more, or rounds to it, becomes 448.
   */
  static int toUnsignedE4m3(float value) {
    if (!(value > 0)) {
      return 0;
    }
    int bits = Float.floatToRawIntBits(value);
    int exponent = (bits >>> 23) - 127 + 7;
    int mantissa = bits >>> 20 & 7;
    if (exponent <= 0) {
      return Math.min(7, (int) (value * 512 + 0.5f));
    }
    if (exponent >= 15) {
      return 0x7E;
    }
    mantissa += bits >>> 19 & 1;
    if (mantissa > 7) {
      mantissa = 0;
      exponent++;
    }
    return exponent >= 15 ? 0x7E : exponent << 3 | mantissa;
  }

  /** The value of an unsigned E4M3 code; 0 for the code of NaN. */
  static float fromUnsignedE4m3(int code) {
    if (code == 0 || code == 0x7F) {
      return 0;
    }
    int exponent = code >>> 3 & 15;
    int mantissa = code & 7;
    return exponent == 0
        ? mantissa * 0x1p-9f
        : (1 + mantissa * 0.125f) * Float.intBitsToFloat((exponent + 120) << 23);
  }
}
