package org.modelopt.formats.ggml;

import org.jspecify.annotations.Nullable;

/** The types without blocks: F32, F16 and BF16, rounded to nearest even. */
final class PlainCodec implements BlockCodec {
  private final GgmlType type;

  PlainCodec(GgmlType type) {
    this.type = type;
  }

  @Override
  public void encode(float[] x, int columns, float @Nullable [] importance, byte[] out) {
    for (int i = 0; i < columns; i++) {
      switch (type) {
        case F32 -> Bytes.putInt(out, 4 * i, Float.floatToRawIntBits(x[i]));
        case F16 -> Bytes.putHalf(out, 2 * i, x[i]);
        case BF16 -> Bytes.putShort(out, 2 * i, toBf16(x[i]));
        default -> throw new IllegalStateException(type + " has blocks");
      }
    }
  }

  @Override
  public void decode(byte[] in, int columns, float[] x) {
    for (int i = 0; i < columns; i++) {
      x[i] =
          switch (type) {
            case F32 -> Float.intBitsToFloat(Bytes.getInt(in, 4 * i));
            case F16 -> Bytes.getHalf(in, 2 * i);
            case BF16 -> Float.intBitsToFloat(Bytes.getShort(in, 2 * i) << 16);
            default -> throw new IllegalStateException(type + " has blocks");
          };
    }
  }

  /** Ties to even on the upper half; NaN stays NaN and becomes quiet. */
  private static int toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) {
      return (bits >>> 16) | 0x40;
    }
    return (bits + 0x7FFF + (bits >>> 16 & 1)) >>> 16;
  }
}
