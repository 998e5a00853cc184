package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.OR;
import static org.modelopt.formats.internal.VectorEncode.ROUNDER;
import static org.modelopt.formats.internal.VectorEncode.ROUNDER_BITS;
import static org.modelopt.formats.internal.VectorShapes.HAS_QUARTER;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.SHORTS;
import static org.modelopt.formats.internal.VectorShapes.floats;
import static org.modelopt.formats.internal.VectorShapes.narrowToBytes;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import org.modelopt.formats.internal.Encoding.Variant;
import org.modelopt.formats.internal.Kernels.Direct;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.tensor.DType;

/**
 * From bfloat16 in memory to packed 8-bit and 4-bit codes in memory without a stop in between: the
 * conversions of weights, which must keep up with memory.
 *
 * <p>A 32-bit lane holds two elements. Its upper half and its lower half, moved up, are the two as
 * float32; their codes come together again in one lane.
 */
final class VectorDirect {
  /** Elements of a vector. */
  private static final int STEP = 2 * LANES;

  private static final int MAGNITUDES = 0x7FFF7FFF;
  private static final int UPPER = 0xFFFF0000;
  private static final short INFINITY = 0x7F80;

  private VectorDirect() {}

  static Direct encode(
      Encoding encoding,
      Strip strip,
      DType dtype,
      MemorySegment segment,
      long offset,
      MemorySegment out,
      long outOffset) {
    int bits = encoding.format().bits();
    if (dtype != DType.BF16
        || encoding.variant() != Variant.STANDARD
        || (bits != 8 && (bits != 4 || !HAS_QUARTER))
        || !suits(strip)) {
      return Direct.UNSUPPORTED;
    }
    int largest =
        switch (encoding.format()) {
          case FloatFormat f -> {
            FloatConstants c = FloatConstants.of(f);
            boolean powers = encoding.powerOfTwoScales();
            if (bits == 8) {
              yield powers
                  ? floats8Powers(strip, c, segment, offset, out, outOffset)
                  : floats8(strip, c, segment, offset, out, outOffset);
            }
            yield powers
                ? floats4Powers(strip, c, segment, offset, out, outOffset)
                : floats4(strip, c, segment, offset, out, outOffset);
          }
          case IntFormat f when f.range() != IntFormat.Range.UNSIGNED ->
              bits == 8
                  ? ints8(strip, f, segment, offset, out, outOffset)
                  : ints4(strip, f, segment, offset, out, outOffset);
          case IntFormat _, CodebookFormat _ -> -1;
        };
    if (largest < 0) {
      return Direct.UNSUPPORTED;
    }
    return largest < INFINITY ? Direct.DONE : Direct.NON_FINITE;
  }

  /** Whether all groups consist of whole vectors. */
  private static boolean suits(Strip strip) {
    boolean whole = strip.head() == strip.n() || strip.head() == strip.group();
    return strip.n() % STEP == 0
        && whole
        && (strip.head() == strip.n() || strip.group() % STEP == 0);
  }

  /** Two 16-bit codes of two magnitudes per lane. */
  private static IntVector codePairs(FloatVector even, FloatVector odd, FloatConstants c) {
    IntVector low = VectorFloats.magnitudeCodes(even.reinterpretAsInts(), c);
    IntVector high = VectorFloats.magnitudeCodes(odd.reinterpretAsInts(), c);
    return low.lanewise(AND, 0xFFFF).lanewise(OR, high.lanewise(LSHL, 16));
  }

  private static FloatVector even(IntVector pairs) {
    return pairs.lanewise(LSHL, 16).reinterpretAsFloats();
  }

  private static FloatVector odd(IntVector pairs) {
    return pairs.lanewise(AND, UPPER).reinterpretAsFloats();
  }

  private static int largest(ShortVector most) {
    return most.reduceLanes(MAX);
  }

  private static int floats8(
      Strip strip, FloatConstants c, MemorySegment in, long offset, MemorySegment out, long to) {
    ShortVector most = ShortVector.zero(SHORTS);
    int n = strip.n();
    int i = 0;
    for (int g = 0; i < n; g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      for (; i < end; i += STEP) {
        IntVector x = IntVector.fromMemorySegment(INTS, in, offset + 2L * i, LITTLE);
        IntVector a = x.lanewise(AND, MAGNITUDES);
        most = most.max(a.reinterpretAsShorts());
        IntVector codes = codePairs(even(a).div(divisor), odd(a).div(divisor), c);
        IntVector sign = x.lanewise(LSHR, 8).lanewise(AND, 0x00800080);
        narrowToBytes(codes.lanewise(OR, sign).reinterpretAsShorts())
            .intoMemorySegment(out, to + i, LITTLE);
      }
    }
    return largest(most);
  }

  private static int floats8Powers(
      Strip strip, FloatConstants c, MemorySegment in, long offset, MemorySegment out, long to) {
    ShortVector most = ShortVector.zero(SHORTS);
    int n = strip.n();
    int i = 0;
    for (int g = 0; i < n; g++) {
      FloatVector factor = floats(1f / strip.divisor[g]);
      int end = strip.end(g);
      for (; i < end; i += STEP) {
        IntVector x = IntVector.fromMemorySegment(INTS, in, offset + 2L * i, LITTLE);
        IntVector a = x.lanewise(AND, MAGNITUDES);
        most = most.max(a.reinterpretAsShorts());
        IntVector codes = codePairs(even(a).mul(factor), odd(a).mul(factor), c);
        IntVector sign = x.lanewise(LSHR, 8).lanewise(AND, 0x00800080);
        narrowToBytes(codes.lanewise(OR, sign).reinterpretAsShorts())
            .intoMemorySegment(out, to + i, LITTLE);
      }
    }
    return largest(most);
  }

  private static int floats4(
      Strip strip, FloatConstants c, MemorySegment in, long offset, MemorySegment out, long to) {
    ShortVector most = ShortVector.zero(SHORTS);
    int n = strip.n();
    int i = 0;
    for (int g = 0; i < n; g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      for (; i < end; i += STEP) {
        IntVector x = IntVector.fromMemorySegment(INTS, in, offset + 2L * i, LITTLE);
        IntVector a = x.lanewise(AND, MAGNITUDES);
        most = most.max(a.reinterpretAsShorts());
        IntVector codes = codePairs(even(a).div(divisor), odd(a).div(divisor), c);
        storeNibbles(codes, x, out, to + (i >>> 1));
      }
    }
    return largest(most);
  }

  private static int floats4Powers(
      Strip strip, FloatConstants c, MemorySegment in, long offset, MemorySegment out, long to) {
    ShortVector most = ShortVector.zero(SHORTS);
    int n = strip.n();
    int i = 0;
    for (int g = 0; i < n; g++) {
      FloatVector factor = floats(1f / strip.divisor[g]);
      int end = strip.end(g);
      for (; i < end; i += STEP) {
        IntVector x = IntVector.fromMemorySegment(INTS, in, offset + 2L * i, LITTLE);
        IntVector a = x.lanewise(AND, MAGNITUDES);
        most = most.max(a.reinterpretAsShorts());
        IntVector codes = codePairs(even(a).mul(factor), odd(a).mul(factor), c);
        storeNibbles(codes, x, out, to + (i >>> 1));
      }
    }
    return largest(most);
  }

  /** Two 3-bit magnitudes and the signs of the elements they came from, as one byte per lane. */
  private static void storeNibbles(IntVector codes, IntVector x, MemorySegment out, long at) {
    IntVector sign = x.lanewise(LSHR, 12).lanewise(AND, 0x00080008);
    IntVector signed = codes.lanewise(OR, sign);
    narrowToBytes(signed.lanewise(OR, signed.lanewise(LSHR, 12)))
        .intoMemorySegment(out, at, LITTLE);
  }

  private static int ints8(
      Strip strip, IntFormat f, MemorySegment in, long offset, MemorySegment out, long to) {
    ShortVector most = ShortVector.zero(SHORTS);
    int n = strip.n();
    int i = 0;
    for (int g = 0; i < n; g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      for (; i < end; i += STEP) {
        IntVector x = IntVector.fromMemorySegment(INTS, in, offset + 2L * i, LITTLE);
        most = most.max(x.lanewise(AND, MAGNITUDES).reinterpretAsShorts());
        IntVector low = whole(even(x).div(divisor), f).lanewise(AND, 0xFFFF);
        IntVector high = whole(odd(x).div(divisor), f).lanewise(LSHL, 16);
        narrowToBytes(low.lanewise(OR, high).reinterpretAsShorts())
            .intoMemorySegment(out, to + i, LITTLE);
      }
    }
    return largest(most);
  }

  private static int ints4(
      Strip strip, IntFormat f, MemorySegment in, long offset, MemorySegment out, long to) {
    ShortVector most = ShortVector.zero(SHORTS);
    int n = strip.n();
    int i = 0;
    for (int g = 0; i < n; g++) {
      FloatVector divisor = floats(strip.divisor[g]);
      int end = strip.end(g);
      for (; i < end; i += STEP) {
        IntVector x = IntVector.fromMemorySegment(INTS, in, offset + 2L * i, LITTLE);
        most = most.max(x.lanewise(AND, MAGNITUDES).reinterpretAsShorts());
        IntVector low = whole(even(x).div(divisor), f).lanewise(AND, 0xF);
        IntVector high = whole(odd(x).div(divisor), f).lanewise(LSHL, 4);
        narrowToBytes(low.lanewise(OR, high)).intoMemorySegment(out, to + (i >>> 1), LITTLE);
      }
    }
    return largest(most);
  }

  /** Integers nearest to quotients, within the format's range, in the low 16 bits. */
  private static IntVector whole(FloatVector quotient, IntFormat f) {
    return quotient
        .add(ROUNDER)
        .reinterpretAsInts()
        .max(ROUNDER_BITS + f.min())
        .min(ROUNDER_BITS + f.max());
  }
}
