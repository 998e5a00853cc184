package org.modelopt.export.verify.scheme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.Tensor;

/** Decoders of weights whose rows are stored one after the other, and of ModelOpt's row pairs. */
final class Decoders {
  private Decoders() {}

  /** E4M3 codes, one a byte: value = code · scale. */
  static RowDecoder e4m3(Tensor codes, ScaleRows scales, long k) {
    return bytes(codes, scales, k, Decode::e4m3);
  }

  /** Signed bytes: value = code · scale. */
  static RowDecoder int8(Tensor codes, ScaleRows scales, long k) {
    return bytes(codes, scales, k, code -> (byte) code);
  }

  /** Value of a byte, 0 to 255. */
  private interface ByteValue {
    float of(int code);
  }

  private static RowDecoder bytes(Tensor codes, ScaleRows scales, long k, ByteValue value) {
    MemorySegment bytes = codes.segment();
    int columns = Math.toIntExact(k);
    float[] table = new float[256];
    for (int code = 0; code < 256; code++) {
      table[code] = value.of(code);
    }
    float[] step = new float[columns];
    return (from, rows, values, steps) -> {
      for (int r = 0; r < rows; r++) {
        scales.read(from + r, step, 0);
        keep(step, steps, r);
        long at = (from + r) * k;
        for (int c = 0; c < columns; c++) {
          values[r * columns + c] =
              table[bytes.get(ValueLayout.JAVA_BYTE, at + c) & 0xFF] * step[c];
        }
      }
    };
  }

  /** E2M1 codes, two a byte, the even column in the low half: value = code · scale. */
  static RowDecoder e2m1(Tensor codes, ScaleRows scales, long k) {
    MemorySegment bytes = codes.segment();
    int columns = Math.toIntExact(k);
    float[] step = new float[columns];
    return (from, rows, values, steps) -> {
      for (int r = 0; r < rows; r++) {
        scales.read(from + r, step, 0);
        long at = (from + r) * (k / 2);
        for (int c = 0; c < columns; c += 2) {
          int pair = Decode.unsigned(bytes, at + c / 2);
          values[r * columns + c] = Decode.e2m1(pair) * step[c];
          values[r * columns + c + 1] = Decode.e2m1(pair >> 4) * step[c + 1];
        }
      }
    };
  }

  /**
   * Two's-complement 4-bit codes in pairs of output rows: a byte holds the same column of an even
   * row (low half) and of the row after it.
   */
  static RowDecoder rowPairs(Tensor codes, ScaleRows scales, long k) {
    MemorySegment bytes = codes.segment();
    int columns = Math.toIntExact(k);
    float[] step = new float[columns];
    return (from, rows, values, steps) -> {
      for (int r = 0; r < rows; r++) {
        scales.read(from + r, step, 0);
        keep(step, steps, r);
        long at = (from + r) / 2 * k;
        // The code's sign bit goes to the top of an int and back down.
        int left = (from + r) % 2 == 0 ? 28 : 24;
        for (int c = 0; c < columns; c++) {
          int code = bytes.get(ValueLayout.JAVA_BYTE, at + c) << left >> 28;
          values[r * columns + c] = code * step[c];
        }
      }
    };
  }

  /** Copies the steps of row {@code r} out, where the caller wants them. */
  static void keep(float[] step, float[] steps, int r) {
    if (steps.length > 0) {
      System.arraycopy(step, 0, steps, r * step.length, step.length);
    }
  }
}
