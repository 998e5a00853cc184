package org.modelopt.formats.codec;

import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.ScaleFormat;

/**
 * Scales as they are stored. A scale is a positive number (or, for F32, F16 and BF16, a negative
 * one where a rule makes it so); it is never zero, so that quotients by it exist.
 */
public final class ScaleCodec {
  /** Smallest E4M3 scale, 2^-9. */
  private static final float MIN_E4M3 = 0x1p-9f;

  private ScaleCodec() {}

  /**
   * The storable scale nearest to {@code scale}, ties to even. A magnitude below the smallest
   * storable one becomes it, a magnitude above the largest becomes that.
   *
   * @param scale not zero, not NaN; positive for E4M3; a power of two from 2^-127 on for E8M0
   */
  public static float round(ScaleFormat format, float scale) {
    return switch (format) {
      case F32 -> withinRange(scale, scale, Float.MIN_VALUE, Float.MAX_VALUE);
      case F16 -> withinRange(scale, Bits.roundToF16(scale), 0x1p-24f, 65504f);
      case BF16 -> withinRange(scale, Bits.roundToBf16(scale), 0x1p-133f, Bits.MAX_BF16);
      case E8M0 -> withinRange(scale, scale, 0x1p-127f, 0x1p127f);
      case E4M3_WITH_GLOBAL_F32 -> {
        float clamped = Math.clamp(scale, MIN_E4M3, FloatFormat.E4M3.maxFinite());
        yield FloatCodec.decode(FloatFormat.E4M3, FloatCodec.encode(FloatFormat.E4M3, clamped));
      }
    };
  }

  private static float withinRange(float scale, float rounded, float min, float max) {
    return Math.copySign(Math.clamp(Math.abs(rounded), min, max), scale);
  }

  /** The bits of a storable scale: 8 for E8M0 and E4M3, 16 or 32 for the others. */
  public static int encode(ScaleFormat format, float scale) {
    int bits = Float.floatToRawIntBits(scale);
    return switch (format) {
      case F32 -> bits;
      case F16 -> Float.floatToFloat16(scale) & 0xFFFF;
      case BF16 -> bits >>> 16;
      // 2^-127, the only subnormal float among the powers, has an exponent field of 0 as well.
      case E8M0 -> bits >>> 23;
      case E4M3_WITH_GLOBAL_F32 -> FloatCodec.encode(FloatFormat.E4M3, scale);
    };
  }

  /** The scale of stored bits; NaN for E8M0 255 and E4M3 127. */
  public static float decode(ScaleFormat format, int bits) {
    return switch (format) {
      case F32 -> Float.intBitsToFloat(bits);
      case F16 -> Float.float16ToFloat((short) bits);
      case BF16 -> Float.intBitsToFloat(bits << 16);
      case E8M0 -> PowerCodec.decode(bits);
      case E4M3_WITH_GLOBAL_F32 -> FloatCodec.decode(FloatFormat.E4M3, bits);
    };
  }
}
