package org.modelopt.export.verify.value;

import java.util.Locale;
import java.util.Optional;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * Compares unquantized tensors: the same bytes if the types agree, else the original rounded to the
 * export's type, to nearest with ties to even.
 */
final class PlainComparison {
  private static final int CHUNK = 1 << 16;

  private PlainComparison() {}

  /** What differs; empty if nothing does. */
  static Optional<String> difference(Tensor original, Tensor export) {
    if (original.dtype() == export.dtype()) {
      long at = original.segment().mismatch(export.segment());
      return at < 0
          ? Optional.empty()
          : Optional.of(
              "element " + at * 8 / original.dtype().bits() + " is the first that differs");
    }
    float[] expected = new float[CHUNK];
    float[] found = new float[CHUNK];
    long elements = original.shape().elements();
    for (long from = 0; from < elements; from += CHUNK) {
      int count = (int) Math.min(CHUNK, elements - from);
      FloatRows.read(original, from, count, expected);
      FloatRows.read(export, from, count, found);
      for (int i = 0; i < count; i++) {
        float cast = cast(expected[i], export.dtype());
        if (cast != found[i] && !(Float.isNaN(cast) && Float.isNaN(found[i]))) {
          return Optional.of(
              String.format(
                  Locale.ROOT, "element %d is %s instead of %s", from + i, found[i], cast));
        }
      }
    }
    return Optional.empty();
  }

  /** {@code value} rounded to {@code dtype}: F32, F16 or BF16. */
  static float cast(float value, DType dtype) {
    return switch (dtype) {
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> toBfloat16(value);
      default -> value;
    };
  }

  private static float toBfloat16(float value) {
    if (Float.isNaN(value)) {
      return value;
    }
    int bits = Float.floatToRawIntBits(value);
    int half = 0x7FFF + (bits >>> 16 & 1);
    return Float.intBitsToFloat(bits + half & 0xFFFF0000);
  }
}
