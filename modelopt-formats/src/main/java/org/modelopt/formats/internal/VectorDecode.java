package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.MAX;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_BYTES;
import static org.modelopt.formats.internal.VectorShapes.floats;
import static org.modelopt.formats.internal.VectorShapes.ints;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;

/** Values of the codes of a strip, and values without the detour over codes. */
final class VectorDecode {
  private static final ScalarKernels SCALAR = new ScalarKernels();

  private VectorDecode() {}

  static void decode(Encoding encoding, Strip strip) {
    if (!VectorGroups.suit(strip) || mayOverflow(encoding, strip)) {
      SCALAR.decode(encoding, strip);
      return;
    }
    int done = VectorGroups.wholeVectors(strip);
    switch (encoding.format()) {
      case FloatFormat f -> {
        int largest = floatValues(strip, done, FloatConstants.of(f));
        done = largest < encoding.firstSpecialCode() ? done : 0;
      }
      case IntFormat f -> intValues(strip, done, f);
      case CodebookFormat _ -> done = 0;
    }
    ScalarKernels.decodeFrom(encoding, strip, done);
  }

  /** Whether the largest code might stand for more than a float32 holds. */
  private static boolean mayOverflow(Encoding encoding, Strip strip) {
    float largest = VectorGroups.largestDivisor(strip) * encoding.largestMagnitude();
    return !(largest <= Float.MAX_VALUE);
  }

  /** Returns the largest code without its sign. See {@link FloatConstants}. */
  private static int floatValues(Strip strip, int end, FloatConstants c) {
    IntVector largest = IntVector.zero(INTS);
    IntVector magnitudeMask = IntVector.broadcast(INTS, c.magnitudeMask());
    IntVector bias = IntVector.broadcast(INTS, c.bias());
    IntVector signBit = IntVector.broadcast(INTS, 0x80000000);
    IntVector zero = IntVector.zero(INTS);
    FloatVector smallestNormal =
        FloatVector.broadcast(FLOATS, Float.intBitsToFloat(c.minExponent()));
    float[] x = strip.x;
    byte[] packed = strip.codes;
    float[] divisor = strip.divisor;
    int shift = VectorGroups.shift(strip);
    int fieldShift = c.shift();
    int signShift = c.signShift();
    for (int i = 0; i < end; i += LANES) {
      ByteVector bytes = ByteVector.fromArray(QUARTER_BYTES, packed, i);
      IntVector codes = (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      IntVector fields = codes.and(magnitudeMask);
      largest = largest.max(fields);
      FloatVector normal = fields.lanewise(LSHL, fieldShift).add(bias).reinterpretAsFloats();
      IntVector correction = normal.sub(smallestNormal).reinterpretAsInts().min(zero);
      IntVector magnitude = normal.add(correction.reinterpretAsFloats()).reinterpretAsInts();
      IntVector sign = codes.lanewise(LSHL, signShift).and(signBit);
      FloatVector d = FloatVector.broadcast(FLOATS, divisor[i >>> shift]);
      magnitude.or(sign).reinterpretAsFloats().mul(d).intoArray(x, i);
    }
    return largest.reduceLanes(MAX);
  }

  private static void intValues(Strip strip, int end, IntFormat f) {
    boolean signed = f.range() != IntFormat.Range.UNSIGNED;
    // Shifted up and down again, a field has its sign; without sign, nothing is shifted.
    int unused = signed ? 32 - f.bits() : 0;
    float[] x = strip.x;
    byte[] packed = strip.codes;
    float[] divisor = strip.divisor;
    int[] zeroPoint = strip.zeroPoint;
    int shift = VectorGroups.shift(strip);
    for (int i = 0; i < end; i += LANES) {
      int g = i >>> shift;
      ByteVector bytes = ByteVector.fromArray(QUARTER_BYTES, packed, i);
      IntVector codes = (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      IntVector whole =
          codes
              .lanewise(LSHL, unused)
              .lanewise(ASHR, unused)
              .sub(IntVector.broadcast(INTS, zeroPoint[g]));
      FloatVector steps = (FloatVector) whole.convertShape(I2F, FLOATS, 0);
      steps.mul(FloatVector.broadcast(FLOATS, divisor[g])).intoArray(x, i);
    }
  }

  static void round(Encoding encoding, Strip strip) {
    boolean standard = encoding.variant() == Encoding.Variant.STANDARD;
    if (!standard
        || encoding.format() instanceof CodebookFormat
        || !VectorGroups.suit(strip)
        || mayOverflow(encoding, strip)) {
      VectorEncode.encode(encoding, strip);
      decode(encoding, strip);
      return;
    }
    int done = VectorGroups.wholeVectors(strip);
    VectorGroups.divide(strip);
    switch (encoding.format()) {
      case FloatFormat f -> roundFloats(strip, done, FloatConstants.of(f));
      case IntFormat f -> roundInts(strip, done, f);
      case CodebookFormat _ -> {}
    }
    ScalarKernels.encodeFrom(encoding, strip, done);
    ScalarKernels.decodeFrom(encoding, strip, done);
  }

  private static void roundFloats(Strip strip, int end, FloatConstants c) {
    float[] x = strip.x;
    float[] divisor = strip.divisor;
    int shift = VectorGroups.shift(strip);
    for (int i = 0; i < end; i += LANES) {
      FloatVector quotient = FloatVector.fromArray(FLOATS, x, i);
      FloatVector d = floats(divisor[i >>> shift]);
      VectorFloats.rounded(quotient, c).mul(d).intoArray(x, i);
    }
  }

  private static void roundInts(Strip strip, int end, IntFormat f) {
    float[] x = strip.x;
    float[] divisor = strip.divisor;
    int[] zeroPoint = strip.zeroPoint;
    int shift = VectorGroups.shift(strip);
    for (int i = 0; i < end; i += LANES) {
      int g = i >>> shift;
      IntVector steps =
          FloatVector.fromArray(FLOATS, x, i).add(VectorEncode.ROUNDER).reinterpretAsInts();
      IntVector low = ints(VectorEncode.ROUNDER_BITS + f.min() - zeroPoint[g]);
      IntVector high = ints(VectorEncode.ROUNDER_BITS + f.max() - zeroPoint[g]);
      FloatVector whole = steps.max(low).min(high).reinterpretAsFloats().sub(VectorEncode.ROUNDER);
      whole.mul(floats(divisor[g])).intoArray(x, i);
    }
  }
}
