package org.modelopt.quantize;

import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.Tensor;

/** Reads stored scales, and steps from one to its neighbours in the same format. */
final class ScaleValues {
  private static final int LARGEST_E4M3 = 0x7E;
  private static final int LARGEST_E8M0 = 254;

  private ScaleValues() {}

  /** The value of scale {@code index}: F32, F16, BF16, E4M3 without sign, or E8M0. */
  static float get(Tensor scales, long index) {
    return switch (scales.dtype()) {
      case F8_E4M3 -> ofE4M3(code(scales, index));
      case F8_E8M0 -> ofE8M0(code(scales, index));
      default -> scales.getFloat(index);
    };
  }

  private static int code(Tensor scales, long index) {
    return scales.segment().get(ValueLayout.JAVA_BYTE, index) & 0xFF;
  }

  private static float ofE4M3(int code) {
    int exponent = code >>> 3 & 15;
    int mantissa = code & 7;
    float magnitude = exponent == 0 ? mantissa * 0x1p-9f : Math.scalb(8 + mantissa, exponent - 10);
    return code >= 0x80 ? -magnitude : magnitude;
  }

  private static float ofE8M0(int code) {
    return code == 0 ? 0x1p-127f : Math.scalb(1f, code - 127);
  }

  /**
   * Writes to {@code into} the scales that are {@code steps} codes above those of {@code base}, or
   * below if negative; within the positive finite codes of their format.
   */
  static void shift(Tensor base, int steps, Tensor into) {
    int largest =
        switch (base.dtype()) {
          case F8_E4M3 -> LARGEST_E4M3;
          case F8_E8M0 -> LARGEST_E8M0;
          default -> throw new IllegalArgumentException(base + " has no neighbouring codes");
        };
    int least = largest == LARGEST_E4M3 ? 1 : 0;
    for (long i = 0; i < base.shape().elements(); i++) {
      int code = Math.clamp(code(base, i) + steps, least, largest);
      into.segment().set(ValueLayout.JAVA_BYTE, i, (byte) code);
    }
  }
}
