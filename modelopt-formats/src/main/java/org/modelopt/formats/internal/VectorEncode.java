package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.floats;
import static org.modelopt.formats.internal.VectorShapes.ints;
import static org.modelopt.formats.internal.VectorShapes.narrowToBytes;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.modelopt.formats.codec.CodebookCodec;
import org.modelopt.formats.codec.FloatCodec;
import org.modelopt.formats.internal.Encoding.Variant;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;

/**
 * Codes of the floats of a strip. In each group whole vectors come first; what is left is done by
 * the scalar form.
 */
final class VectorEncode {
  /**
   * 1.5 * 2^23: a float32 plus this is an integer in the low bits, rounded to nearest even by the
   * addition. Larger sums have larger bits, so that clamping the bits clamps the number.
   */
  static final float ROUNDER = 0x1.8p23f;

  /** The bits of {@link #ROUNDER}. */
  static final int ROUNDER_BITS = 0x4B400000;

  private VectorEncode() {}

  static void encode(Encoding encoding, Strip strip) {
    switch (encoding.format()) {
      case FloatFormat f -> {
        if (encoding.variant() == Variant.TIES_TOWARD_ZERO) {
          levels(encoding, strip, LevelTable.ofTiesTowardZero(f));
        } else if (encoding.powerOfTwoScales()) {
          floatProducts(encoding, strip, FloatConstants.of(f));
        } else {
          floatQuotients(encoding, strip, FloatConstants.of(f));
        }
      }
      case IntFormat f -> ints8(encoding, strip, f);
      case CodebookFormat f -> levels(encoding, strip, LevelTable.of(f));
    }
  }

  private static void floatQuotients(Encoding encoding, Strip strip, FloatConstants c) {
    // Adding -0 changes nothing; adding +0 makes -0 positive.
    FloatVector zero = floats(encoding.variant() == Variant.POSITIVE_ZERO ? 0f : -0f);
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).div(divisor).add(zero);
        narrowToBytes(VectorFloats.codes(quotient, c)).intoArray(strip.codes, i);
      }
      ScalarKernels.encode(encoding, strip, g, i, end);
    }
  }

  /** With powers of two for scales: the reciprocal is exact, and so is the product with it. */
  private static void floatProducts(Encoding encoding, Strip strip, FloatConstants c) {
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector factor = floats(1f / strip.divisor[g]);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).mul(factor);
        narrowToBytes(VectorFloats.codes(quotient, c)).intoArray(strip.codes, i);
      }
      ScalarKernels.encode(encoding, strip, g, i, end);
    }
  }

  private static void ints8(Encoding encoding, Strip strip, IntFormat f) {
    int mask = (1 << f.bits()) - 1;
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int zeroPoint = strip.zeroPoint[g];
      IntVector low = ints(ROUNDER_BITS + f.min() - zeroPoint);
      IntVector high = ints(ROUNDER_BITS + f.max() - zeroPoint);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).div(divisor);
        IntVector whole = quotient.add(ROUNDER).reinterpretAsInts().max(low).min(high);
        narrowToBytes(whole.add(zeroPoint).lanewise(AND, mask)).intoArray(strip.codes, i);
      }
      ScalarKernels.encode(encoding, strip, g, i, end);
    }
  }

  private static void levels(Encoding encoding, Strip strip, LevelTable table) {
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).div(divisor);
        narrowToBytes(table.codes(count(quotient, table.thresholds()))).intoArray(strip.codes, i);
      }
      ScalarKernels.encode(encoding, strip, g, i, end);
    }
  }

  /** How many thresholds each lane is above. */
  private static IntVector count(FloatVector x, float[] thresholds) {
    IntVector count = ints(0);
    for (float threshold : thresholds) {
      count = count.add(1, x.compare(GT, threshold).cast(INTS));
    }
    return count;
  }

  /**
   * Codes by comparison with thresholds: an element above k of them has the k-th code from below.
   *
   * @param thresholds ascending
   * @param lowFlip bits to flip in k to have the code where k is in the lower half
   * @param highFlip what the upper half flips besides, as a factor of its top bit
   * @param topShift position of the top bit of k
   */
  @SuppressWarnings("ArrayRecordComponent") // a table for one class, never compared
  private record LevelTable(float[] thresholds, int lowFlip, int highFlip, int topShift) {
    /** Levels in order: k is the code. */
    static LevelTable of(CodebookFormat format) {
      float[] thresholds = new float[format.levels().size() - 1];
      for (int code = 0; code < thresholds.length; code++) {
        thresholds[code] = floor(CodebookCodec.middle(format, code));
      }
      return new LevelTable(thresholds, 0, 0, 0);
    }

    /** A float format without special codes, ties toward zero, everything not positive negative. */
    static LevelTable ofTiesTowardZero(FloatFormat format) {
      int magnitudes = 1 << (format.bits() - 1);
      float[] thresholds = new float[2 * magnitudes - 1];
      for (int code = 0; code < magnitudes - 1; code++) {
        float middle = (FloatCodec.decode(format, code) + FloatCodec.decode(format, code + 1)) / 2;
        thresholds[magnitudes + code] = middle;
        thresholds[magnitudes - 2 - code] = Math.nextDown(-middle);
      }
      thresholds[magnitudes - 1] = 0f;
      return new LevelTable(thresholds, 2 * magnitudes - 1, magnitudes - 1, format.bits() - 1);
    }

    /** The largest float that is not above {@code x}. */
    private static float floor(double x) {
      float nearest = (float) x;
      return nearest <= x ? nearest : Math.nextDown(nearest);
    }

    IntVector codes(IntVector k) {
      IntVector flips = k.lanewise(LSHR, topShift).mul(highFlip).lanewise(XOR, lowFlip);
      return k.lanewise(XOR, flips);
    }
  }
}
