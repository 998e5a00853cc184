package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_BYTES;
import static org.modelopt.formats.internal.VectorShapes.ints;
import static org.modelopt.formats.internal.VectorShapes.narrowToBytes;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.modelopt.formats.codec.CodebookCodec;
import org.modelopt.formats.codec.FloatCodec;
import org.modelopt.formats.internal.Encoding.Variant;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;

/**
 * Codes of the floats of a strip: first all quotients, then their codes. What is left behind whole
 * vectors is done by the plain form.
 *
 * <p>Hot loops are written out, here and in the other classes: a call that takes or returns vectors
 * and that the compiler chooses not to inline allocates them.
 */
final class VectorEncode {
  /**
   * 1.5 * 2^23: a float32 plus this is an integer in the low bits, rounded to nearest even by the
   * addition. Larger sums have larger bits, so that clamping the bits clamps the number.
   */
  static final float ROUNDER = 0x1.8p23f;

  /** The bits of {@link #ROUNDER}. */
  static final int ROUNDER_BITS = 0x4B400000;

  private static final ScalarKernels SCALAR = new ScalarKernels();

  private VectorEncode() {}

  static void encode(Encoding encoding, Strip strip) {
    if (!VectorGroups.suit(strip)) {
      SCALAR.encode(encoding, strip);
      return;
    }
    int done = VectorGroups.wholeVectors(strip);
    VectorGroups.divide(strip);
    switch (encoding.format()) {
      case FloatFormat f when encoding.variant() == Variant.TIES_TOWARD_ZERO ->
          levels(strip, done, LevelTable.ofTiesTowardZero(f));
      case FloatFormat f -> {
        if (encoding.variant() == Variant.POSITIVE_ZERO) {
          addZero(strip, done);
        }
        floatCodes(strip, done, FloatConstants.of(f));
      }
      case IntFormat f -> intCodes(strip, done, f);
      case CodebookFormat f -> levels(strip, done, LevelTable.of(f));
    }
    ScalarKernels.encodeFrom(encoding, strip, done);
  }

  /** Makes negative zeros positive. */
  private static void addZero(Strip strip, int end) {
    for (int i = 0; i < end; i += LANES) {
      FloatVector.fromArray(FLOATS, strip.x, i).add(0f).intoArray(strip.x, i);
    }
  }

  /** See {@link FloatConstants}. */
  private static void floatCodes(Strip strip, int end, FloatConstants c) {
    float[] x = strip.x;
    byte[] codes = strip.codes;
    IntVector magnitudeMask = IntVector.broadcast(INTS, 0x7FFFFFFF);
    IntVector exponentMask = IntVector.broadcast(INTS, 0x7F800000);
    IntVector maxBits = IntVector.broadcast(INTS, c.maxBits());
    IntVector minExponent = IntVector.broadcast(INTS, c.minExponent());
    IntVector roundingBits = IntVector.broadcast(INTS, c.roundingBits());
    IntVector signMask = IntVector.broadcast(INTS, c.signMask());
    int shift = c.shift();
    int signShift = c.signShift();
    for (int i = 0; i < end; i += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, x, i).reinterpretAsInts();
      IntVector a = bits.and(magnitudeMask).min(maxBits);
      IntVector e = a.and(exponentMask).max(minExponent);
      FloatVector rounder = e.add(roundingBits).reinterpretAsFloats();
      IntVector rounded = a.reinterpretAsFloats().add(rounder).reinterpretAsInts();
      IntVector magnitude = rounded.add(e.lanewise(LSHR, shift));
      IntVector sign = bits.lanewise(LSHR, signShift).and(signMask);
      ByteVector narrow =
          (ByteVector) magnitude.or(sign).convertShape(VectorOperators.I2B, QUARTER_BYTES, 0);
      narrow.intoArray(codes, i);
    }
  }

  private static void intCodes(Strip strip, int end, IntFormat f) {
    int shift = VectorGroups.shift(strip);
    float[] x = strip.x;
    byte[] codes = strip.codes;
    int[] zeroPoints = strip.zeroPoint;
    FloatVector rounder = FloatVector.broadcast(FLOATS, ROUNDER);
    IntVector mask = IntVector.broadcast(INTS, (1 << f.bits()) - 1);
    int low = ROUNDER_BITS + f.min();
    int high = ROUNDER_BITS + f.max();
    for (int i = 0; i < end; i += LANES) {
      int zero = zeroPoints[i >>> shift];
      IntVector steps = FloatVector.fromArray(FLOATS, x, i).add(rounder).reinterpretAsInts();
      IntVector whole =
          steps
              .max(IntVector.broadcast(INTS, low - zero))
              .min(IntVector.broadcast(INTS, high - zero))
              .add(IntVector.broadcast(INTS, zero));
      ByteVector narrow =
          (ByteVector) whole.and(mask).convertShape(VectorOperators.I2B, QUARTER_BYTES, 0);
      narrow.intoArray(codes, i);
    }
  }

  private static void levels(Strip strip, int end, LevelTable table) {
    for (int i = 0; i < end; i += LANES) {
      FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i);
      narrowToBytes(table.codes(count(quotient, table.thresholds()))).intoArray(strip.codes, i);
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
