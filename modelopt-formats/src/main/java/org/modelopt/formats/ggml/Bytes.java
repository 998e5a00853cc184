package org.modelopt.formats.ggml;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Little-endian numbers in byte arrays, and the rounding that K types are made with. */
final class Bytes {
  /** 1.5 * 2^23: a sum with it has the nearest integer, ties to even, in its lowest bits. */
  static final float ROUNDER = 12582912f;

  static final int ROUNDER_BITS = Float.floatToRawIntBits(ROUNDER);

  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Bytes() {}

  /** {@code value} as IEEE binary16, nearest even, overflow to infinity. */
  static void putHalf(byte[] bytes, int at, float value) {
    SHORTS.set(bytes, at, Float.floatToFloat16(value));
  }

  static float getHalf(byte[] bytes, int at) {
    return Float.float16ToFloat((short) SHORTS.get(bytes, at));
  }

  /** What a number is after it was stored as a half. */
  static float throughHalf(float value) {
    return Float.float16ToFloat(Float.floatToFloat16(value));
  }

  static void putShort(byte[] bytes, int at, int value) {
    SHORTS.set(bytes, at, (short) value);
  }

  static int getShort(byte[] bytes, int at) {
    return (short) SHORTS.get(bytes, at) & 0xFFFF;
  }

  static void putInt(byte[] bytes, int at, int value) {
    INTS.set(bytes, at, value);
  }

  static int getInt(byte[] bytes, int at) {
    return (int) INTS.get(bytes, at);
  }

  /**
   * The integer nearest to {@code value}, ties to even, within {@code low} to {@code high}; the
   * same arithmetic as in lanes. Source of the trick: ggml, {@code nearest_int}.
   */
  static int near(float value, int low, int high) {
    int nearest = Float.floatToRawIntBits(value + ROUNDER) - ROUNDER_BITS;
    return Math.max(low, Math.min(high, nearest));
  }

  static long getLong(byte[] bytes, int at) {
    return (long) LONGS.get(bytes, at);
  }

  static void putLong(byte[] bytes, int at, long value) {
    LONGS.set(bytes, at, value);
  }
}
