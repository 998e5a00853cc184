package org.modelopt.export.verify;

/** Encoders for tests, plain and slow: the nearest of all values, ties to the even code. */
final class Codes {
  private static final float[] E4M3 = magnitudes(127, 3, 7);
  private static final float[] E2M1 = magnitudes(8, 1, 1);

  private Codes() {}

  private static float[] magnitudes(int count, int mantissaBits, int bias) {
    float[] values = new float[count];
    for (int code = 0; code < count; code++) {
      int exponent = code >> mantissaBits;
      double fraction = (code & (1 << mantissaBits) - 1) / (double) (1 << mantissaBits);
      values[code] =
          (float)
              (exponent == 0
                  ? fraction * Math.pow(2, 1 - bias)
                  : (1 + fraction) * Math.pow(2, exponent - bias));
    }
    return values;
  }

  static byte e4m3(double value) {
    return (byte) (nearest(Math.abs(value), E4M3) | (value < 0 ? 0x80 : 0));
  }

  static int e2m1(double value) {
    return nearest(Math.abs(value), E2M1) | (value < 0 ? 8 : 0);
  }

  static float e4m3Value(byte code) {
    return (code < 0 ? -1 : 1) * E4M3[code & 0x7F];
  }

  private static int nearest(double magnitude, float[] table) {
    int best = 0;
    for (int code = 1; code < table.length; code++) {
      double before = Math.abs(magnitude - table[best]);
      double now = Math.abs(magnitude - table[code]);
      if (now < before || (now == before && code % 2 == 0)) {
        best = code;
      }
    }
    return best;
  }

  static float bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat(bits + 0x7FFF + (bits >>> 16 & 1) & 0xFFFF0000);
  }

  static int rounded(double value, int low, int high) {
    return (int) Math.clamp(Math.rint(value), low, high);
  }
}
