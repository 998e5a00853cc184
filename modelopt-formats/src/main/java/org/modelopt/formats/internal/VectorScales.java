package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.ULT;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.HAS_QUARTER;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_BYTES;
import static org.modelopt.formats.internal.VectorShapes.floats;
import static org.modelopt.formats.internal.VectorShapes.narrowToBytes;
import static org.modelopt.formats.internal.VectorShapes.widen;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import org.modelopt.formats.codec.ScaleCodec;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.tensor.Tensor;

/**
 * Scales of the groups of a strip. Loops run over whole vectors: what stands behind the last group
 * is computed too and never used.
 */
final class VectorScales {
  private static final FloatConstants E4M3 = FloatConstants.of(FloatFormat.E4M3);
  private static final int SMALLEST_E4M3 = Float.floatToRawIntBits(0x1p-9f);

  /** Bits of 2^-127, the largest quotient whose power of two is the smallest scale. */
  private static final int SMALLEST_POWER = 0x00400000;

  private static final float[] E4M3_VALUES = values(ScaleFormat.E4M3_WITH_GLOBAL_F32);
  private static final float[] E8M0_VALUES = values(ScaleFormat.E8M0);
  private static final ScalarKernels SCALAR = new ScalarKernels();

  private VectorScales() {}

  private static float[] values(ScaleFormat format) {
    float[] values = new float[256];
    for (int code = 0; code < 256; code++) {
      values[code] = ScaleCodec.decode(format, code);
    }
    return values;
  }

  /** E4M3 scales {@code amax / (max * globalScale)}. */
  static void underGlobalScale(Strip strip, float max, float globalScale) {
    float divisor = max * globalScale;
    for (int g = 0; g < strip.groups(); g += LANES) {
      FloatVector quotient = FloatVector.fromArray(FLOATS, strip.amax, g).div(divisor);
      FloatVector scale = quotient.blend(1f, quotient.compare(EQ, 0f));
      IntVector atLeast = scale.reinterpretAsInts().max(SMALLEST_E4M3);
      VectorFloats.rounded(atLeast.reinterpretAsFloats(), E4M3).intoArray(strip.scale, g);
    }
  }

  /** Powers of two {@code 2^ceil(log2(amax / max))}. */
  static void roundedUpPowers(Strip strip, float max) {
    for (int g = 0; g < strip.groups(); g += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, strip.amax, g).div(max).reinterpretAsInts();
      IntVector power = bits.add(0x7FFFFF).lanewise(LSHR, 23).min(254).lanewise(LSHL, 23);
      // 2^-127 is subnormal: it has no exponent field of its own.
      power
          .blend(SMALLEST_POWER, bits.compare(LE, SMALLEST_POWER))
          .reinterpretAsFloats()
          .intoArray(strip.scale, g);
    }
  }

  static void store(Strip strip, ScaleFormat format, MemorySegment out, long first) {
    int n = strip.groups();
    switch (format) {
      case F32 -> MemorySegment.copy(strip.scale, 0, out, Tensor.FLOAT, 4 * first, n);
      case E8M0 -> {
        for (int g = 0; g < n; g += LANES) {
          IntVector bits = FloatVector.fromArray(FLOATS, strip.scale, g).reinterpretAsInts();
          narrowToBytes(bits.lanewise(LSHR, 23)).intoArray(strip.codes, g);
        }
        MemorySegment.copy(strip.codes, 0, out, ValueLayout.JAVA_BYTE, first, n);
      }
      case E4M3_WITH_GLOBAL_F32 -> {
        for (int g = 0; g < n; g += LANES) {
          FloatVector scale = FloatVector.fromArray(FLOATS, strip.scale, g);
          narrowToBytes(VectorFloats.codes(scale, E4M3)).intoArray(strip.codes, g);
        }
        MemorySegment.copy(strip.codes, 0, out, ValueLayout.JAVA_BYTE, first, n);
      }
      case F16, BF16 -> SCALAR.storeScales(strip, format, out, first);
    }
  }

  static void load(Strip strip, ScaleFormat format, MemorySegment in, long first) {
    int n = strip.groups();
    switch (format) {
      case F32 -> {
        if (n == 1) {
          // A copy of so few bytes would make the next load wait.
          strip.scale[0] = in.get(Tensor.FLOAT, 4 * first);
        } else {
          MemorySegment.copy(in, Tensor.FLOAT, 4 * first, strip.scale, 0, n);
        }
      }
      case E8M0 -> {
        if (!HAS_QUARTER || !powers(strip, in, first)) {
          lookUp(E8M0_VALUES, strip, 0, in, first);
        }
      }
      case E4M3_WITH_GLOBAL_F32 -> {
        if (!HAS_QUARTER || !smallFloats(strip, in, first)) {
          lookUp(E4M3_VALUES, strip, 0, in, first);
        }
      }
      case F16, BF16 -> SCALAR.loadScales(strip, format, in, first);
    }
  }

  /** E8M0 scales; returns whether none is NaN. */
  private static boolean powers(Strip strip, MemorySegment in, long first) {
    int n = strip.groups();
    IntVector largest = IntVector.zero(INTS);
    int g = 0;
    for (; g <= n - LANES; g += LANES) {
      IntVector codes = widen(ByteVector.fromMemorySegment(QUARTER_BYTES, in, first + g, LITTLE));
      largest = largest.max(codes);
      // 2^-127 is subnormal: it has no exponent field of its own.
      codes.lanewise(LSHL, 23).max(SMALLEST_POWER).reinterpretAsFloats().intoArray(strip.scale, g);
    }
    lookUp(E8M0_VALUES, strip, g, in, first);
    return largest.reduceLanes(MAX) < 255;
  }

  /** E4M3 scales; returns whether none is NaN. */
  private static boolean smallFloats(Strip strip, MemorySegment in, long first) {
    int n = strip.groups();
    IntVector largest = IntVector.zero(INTS);
    int g = 0;
    for (; g <= n - LANES; g += LANES) {
      IntVector codes = widen(ByteVector.fromMemorySegment(QUARTER_BYTES, in, first + g, LITTLE));
      largest = largest.max(codes.lanewise(AND, E4M3.magnitudeMask()));
      VectorFloats.values(codes, E4M3).intoArray(strip.scale, g);
    }
    lookUp(E4M3_VALUES, strip, g, in, first);
    return largest.reduceLanes(MAX) < E4M3.magnitudeMask();
  }

  /** Scales from number {@code from} of the strip on. */
  private static void lookUp(float[] values, Strip strip, int from, MemorySegment in, long first) {
    int n = strip.groups();
    float[] scale = strip.scale;
    for (int g = from; g < n; g++) {
      scale[g] = values[in.get(ValueLayout.JAVA_BYTE, first + g) & 0xFF];
    }
  }

  /** See {@link Kernels#divisors}. */
  static boolean divisors(Strip strip, float globalScale, float steps) {
    int n = strip.groups();
    FloatVector global = floats(globalScale);
    // Bits of positive finite floats are from 1 to those of the largest; one less, seen without
    // sign,
    // is below the bits of infinity for them and no others.
    VectorMask<Integer> fit = INTS.maskAll(true);
    int g = 0;
    for (; g <= n - LANES; g += LANES) {
      FloatVector scale = FloatVector.fromArray(FLOATS, strip.scale, g);
      fit = fit.and(scale.reinterpretAsInts().sub(1).compare(ULT, 0x7F7FFFFF));
      IntVector product = scale.mul(global).mul(steps).reinterpretAsInts();
      product.max(1).reinterpretAsFloats().intoArray(strip.divisor, g);
    }
    return fit.allTrue()
        ? ScalarKernels.divisors(strip, g, globalScale, steps)
        : ScalarKernels.divisors(strip, 0, globalScale, steps);
  }
}
