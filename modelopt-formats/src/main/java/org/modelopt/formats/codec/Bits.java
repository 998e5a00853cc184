package org.modelopt.formats.codec;

/** Narrow storage types as bits of a float. */
public final class Bits {
  /** Largest finite bfloat16. */
  public static final float MAX_BF16 = 0x1.FEp127f;

  /** Largest finite binary16. */
  public static final float MAX_F16 = 65504f;

  private Bits() {}

  /** The bfloat16 nearest to {@code x}, ties to even, as a float. */
  public static float roundToBf16(float x) {
    return Float.intBitsToFloat(toBf16(x) << 16);
  }

  /** The bits of the bfloat16 nearest to {@code x}, ties to even; NaN becomes 0x7FC0. */
  public static int toBf16(float x) {
    if (Float.isNaN(x)) {
      return 0x7FC0;
    }
    int bits = Float.floatToRawIntBits(x);
    return (bits + 0x7FFF + (bits >>> 16 & 1)) >>> 16;
  }

  /** The binary16 nearest to {@code x}, ties to even, as a float. */
  public static float roundToF16(float x) {
    return Float.float16ToFloat(Float.floatToFloat16(x));
  }
}
