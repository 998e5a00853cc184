package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_BYTES;
import static org.modelopt.formats.internal.VectorShapes.floats;
import static org.modelopt.formats.internal.VectorShapes.ints;
import static org.modelopt.formats.internal.VectorShapes.widen;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;

/** Values of the codes of a strip, and values without the detour over codes. */
final class VectorDecode {
  private static final ScalarKernels SCALAR = new ScalarKernels();

  private VectorDecode() {}

  static void decode(Encoding encoding, Strip strip) {
    if (mayOverflow(encoding, strip)) {
      SCALAR.decode(encoding, strip);
      return;
    }
    switch (encoding.format()) {
      case FloatFormat f -> {
        int largest = floatValues(encoding, strip, FloatConstants.of(f));
        if (largest >= encoding.firstSpecialCode()) {
          SCALAR.decode(encoding, strip);
        }
      }
      case IntFormat f -> intValues(encoding, strip, f);
      case CodebookFormat _ -> SCALAR.decode(encoding, strip);
    }
  }

  /** Whether the largest code might stand for more than a float32 holds. */
  private static boolean mayOverflow(Encoding encoding, Strip strip) {
    float largest = 0;
    int n = strip.groups();
    for (int g = 0; g < n; g++) {
      largest = Math.max(largest, Math.abs(strip.divisor[g]));
    }
    return !(largest * encoding.largestMagnitude() <= Float.MAX_VALUE);
  }

  /** Returns the largest code without its sign. */
  private static int floatValues(Encoding encoding, Strip strip, FloatConstants c) {
    IntVector largest = ints(0);
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        IntVector codes = widen(ByteVector.fromArray(QUARTER_BYTES, strip.codes, i));
        largest = largest.max(codes.lanewise(AND, c.magnitudeMask()));
        VectorFloats.values(codes, c).mul(divisor).intoArray(strip.x, i);
      }
      ScalarKernels.decode(encoding, strip, g, i, end);
    }
    return largest.reduceLanes(MAX);
  }

  private static void intValues(Encoding encoding, Strip strip, IntFormat f) {
    boolean signed = f.range() != IntFormat.Range.UNSIGNED;
    int unused = 32 - f.bits();
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int zeroPoint = strip.zeroPoint[g];
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        IntVector top =
            widen(ByteVector.fromArray(QUARTER_BYTES, strip.codes, i)).lanewise(LSHL, unused);
        IntVector whole = signed ? top.lanewise(ASHR, unused) : top.lanewise(LSHR, unused);
        FloatVector steps = (FloatVector) whole.sub(zeroPoint).convertShape(I2F, FLOATS, 0);
        steps.mul(divisor).intoArray(strip.x, i);
      }
      ScalarKernels.decode(encoding, strip, g, i, end);
    }
  }

  static void round(Encoding encoding, Strip strip) {
    boolean standard = encoding.variant() == Encoding.Variant.STANDARD;
    if (!standard || mayOverflow(encoding, strip)) {
      VectorEncode.encode(encoding, strip);
      decode(encoding, strip);
      return;
    }
    switch (encoding.format()) {
      case FloatFormat f -> roundFloats(encoding, strip, FloatConstants.of(f));
      case IntFormat f -> roundInts(encoding, strip, f);
      case CodebookFormat _ -> {
        VectorEncode.encode(encoding, strip);
        decode(encoding, strip);
      }
    }
  }

  private static void roundFloats(Encoding encoding, Strip strip, FloatConstants c) {
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).div(divisor);
        VectorFloats.rounded(quotient, c).mul(divisor).intoArray(strip.x, i);
      }
      ScalarKernels.encode(encoding, strip, g, i, end);
      ScalarKernels.decode(encoding, strip, g, i, end);
    }
  }

  private static void roundInts(Encoding encoding, Strip strip, IntFormat f) {
    for (int g = 0; g < strip.groups(); g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int zeroPoint = strip.zeroPoint[g];
      IntVector low = ints(VectorEncode.ROUNDER_BITS + f.min() - zeroPoint);
      IntVector high = ints(VectorEncode.ROUNDER_BITS + f.max() - zeroPoint);
      int end = strip.end(g);
      int i = strip.start(g);
      for (; i <= end - LANES; i += LANES) {
        FloatVector quotient = FloatVector.fromArray(FLOATS, strip.x, i).div(divisor);
        IntVector whole = quotient.add(VectorEncode.ROUNDER).reinterpretAsInts().max(low).min(high);
        FloatVector steps = whole.reinterpretAsFloats().sub(VectorEncode.ROUNDER);
        steps.mul(divisor).intoArray(strip.x, i);
      }
      ScalarKernels.encode(encoding, strip, g, i, end);
      ScalarKernels.decode(encoding, strip, g, i, end);
    }
  }
}
