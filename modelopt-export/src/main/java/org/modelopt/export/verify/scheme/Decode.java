package org.modelopt.export.verify.scheme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.Tensor;

/** Values of single codes, from the definitions of the number formats. */
public final class Decode {
  private static final float[] E4M3 = e4m3Table();
  private static final float[] E2M1 = {
    0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6
  };

  private Decode() {}

  private static float[] e4m3Table() {
    float[] table = new float[256];
    for (int code = 0; code < 256; code++) {
      int exponent = code >> 3 & 15;
      double mantissa = (code & 7) / 8.0 + (exponent == 0 ? 0 : 1);
      double magnitude =
          (code & 0x7F) == 0x7F ? Double.NaN : Math.scalb(mantissa, Math.max(exponent, 1) - 7);
      table[code] = (float) ((code & 0x80) == 0 ? magnitude : -magnitude);
    }
    return table;
  }

  /** Value of an E4M3 code, 0 to 255: sign, 4 exponent bits with bias 7, 3 mantissa bits. */
  public static float e4m3(int code) {
    return E4M3[code & 0xFF];
  }

  /** Value of an E2M1 code, 0 to 15: sign, 2 exponent bits with bias 1, 1 mantissa bit. */
  public static float e2m1(int code) {
    return E2M1[code & 15];
  }

  /** Value of an E8M0 code, 0 to 255: 2^(code - 127); 255 is NaN. */
  public static float e8m0(int code) {
    return (code & 0xFF) == 255 ? Float.NaN : Math.scalb(1f, (code & 0xFF) - 127);
  }

  /** Element {@code index} of a scale tensor: F32, F16, BF16, F8_E4M3, or U8 holding E8M0. */
  public static float scale(Tensor tensor, long index) {
    return switch (tensor.dtype()) {
      case F8_E4M3 -> e4m3(tensor.segment().get(ValueLayout.JAVA_BYTE, index));
      case U8 -> e8m0(tensor.segment().get(ValueLayout.JAVA_BYTE, index));
      default -> tensor.getFloat(index);
    };
  }

  /** Byte {@code index}, 0 to 255. */
  static int unsigned(MemorySegment bytes, long index) {
    return bytes.get(ValueLayout.JAVA_BYTE, index) & 0xFF;
  }
}
