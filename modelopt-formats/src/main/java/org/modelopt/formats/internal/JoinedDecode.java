package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.XOR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;
import static org.modelopt.formats.internal.NativeMemory.ALL;
import static org.modelopt.formats.internal.VectorPairs.STEP;
import static org.modelopt.formats.internal.VectorShapes.BYTES;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.HALF_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;

/**
 * From packed codes in memory to bfloat16 in memory in one loop, two neighbours in a lane of 32
 * bits as in {@link JoinedEncode}.
 */
final class JoinedDecode {
  /** Products below this round to a finite bfloat16. */
  private static final float LIMIT = 0x1p127f;

  private JoinedDecode() {}

  /** Whether there is a loop for the encoding and the strip's groups. */
  static boolean suits(Encoding encoding, Strip strip) {
    boolean lookUp = encoding.format() instanceof CodebookFormat;
    return VectorPairs.suit(strip, encoding.format().bits())
        && (!lookUp || encoding.levels().length == LANES);
  }

  /**
   * Values of {@code n} codes, a multiple of {@link VectorPairs#STEP}, whose groups are those of a
   * strip that suits, or a single one, which may go on behind the strip.
   *
   * @return whether all are finite and not near the end of the range; if not, what was written
   *     means nothing
   */
  static boolean decode(
      Encoding encoding,
      Strip strip,
      int n,
      MemorySegment from,
      long fromAt,
      MemorySegment to,
      long toAt) {
    int bits = encoding.format().bits();
    long in = NativeMemory.address(from, fromAt, (long) n * bits / 8);
    long out = NativeMemory.address(to, toAt, 2L * n);
    boolean usable = in != 0 && out != 0 && !to.isReadOnly();
    if (!usable || !(VectorGroups.largestDivisor(strip) * encoding.largestMagnitude() < LIMIT)) {
      return false;
    }
    try {
      int largest =
          switch (encoding.format()) {
            case FloatFormat f -> floats(strip, n, in, out, FloatConstants.of(f), bits);
            case IntFormat f -> ints(strip, n, in, out, f);
            case CodebookFormat _ -> levels(strip, n, in, out, encoding.levels());
          };
      return largest < encoding.firstSpecialCode();
    } finally {
      Reference.reachabilityFence(from);
      Reference.reachabilityFence(to);
    }
  }

  /** Returns the largest code without its sign. See {@link FloatConstants}. */
  private static int floats(Strip strip, int end, long in, long out, FloatConstants c, int bits) {
    float[] divisor = strip.divisor;
    int shift = VectorPairs.shift(strip);
    IntVector spread = VectorPairs.spread(shift);
    ByteVector largest = ByteVector.zero(BYTES);
    ByteVector byteMask = ByteVector.broadcast(BYTES, (byte) c.magnitudeMask());
    IntVector magnitudeMask = IntVector.broadcast(INTS, c.magnitudeMask());
    IntVector bias = IntVector.broadcast(INTS, c.bias());
    IntVector zero = IntVector.zero(INTS);
    FloatVector smallestNormal =
        FloatVector.broadcast(FLOATS, Float.intBitsToFloat(c.minExponent()));
    IntVector one = IntVector.broadcast(INTS, 1);
    IntVector half = IntVector.broadcast(INTS, 0x7FFF);
    IntVector high = IntVector.broadcast(INTS, 0xFFFF0000);
    IntVector fieldShift = IntVector.broadcast(INTS, c.shift());
    IntVector width = IntVector.broadcast(INTS, bits);
    IntVector evenSignShift = IntVector.broadcast(INTS, 16 - bits);
    IntVector oddSignShift = IntVector.broadcast(INTS, 32 - 2 * bits);
    IntVector evenSign = IntVector.broadcast(INTS, 0x00008000);
    IntVector oddSign = IntVector.broadcast(INTS, 0x80000000);
    boolean nibbles = bits == 4;
    for (int i = 0; i < end; i += STEP) {
      IntVector codes;
      if (nibbles) {
        ByteVector bytes = ByteVector.fromMemorySegment(QUARTER_BYTES, ALL, in + i / 2, LITTLE);
        codes = (IntVector) bytes.convertShape(ZERO_EXTEND_B2I, INTS, 0);
      } else {
        ShortVector shorts = ShortVector.fromMemorySegment(HALF_SHORTS, ALL, in + i, LITTLE);
        codes = (IntVector) shorts.convertShape(ZERO_EXTEND_S2I, INTS, 0);
        largest = largest.lanewise(MAX, codes.reinterpretAsBytes().and(byteMask));
      }
      FloatVector d =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, divisor, i >>> shift).reinterpretAsInts())
              .reinterpretAsFloats();

      FloatVector n0 =
          codes.and(magnitudeMask).lanewise(LSHL, fieldShift).add(bias).reinterpretAsFloats();
      IntVector s0 = n0.sub(smallestNormal).reinterpretAsInts().min(zero);
      IntVector v0 = n0.add(s0.reinterpretAsFloats()).mul(d).reinterpretAsInts();
      IntVector r0 = v0.lanewise(LSHR, 16).and(one).add(v0).add(half).lanewise(LSHR, 16);

      FloatVector n1 =
          codes
              .lanewise(LSHR, width)
              .and(magnitudeMask)
              .lanewise(LSHL, fieldShift)
              .add(bias)
              .reinterpretAsFloats();
      IntVector s1 = n1.sub(smallestNormal).reinterpretAsInts().min(zero);
      IntVector v1 = n1.add(s1.reinterpretAsFloats()).mul(d).reinterpretAsInts();
      IntVector r1 = v1.lanewise(LSHR, 16).and(one).add(v1).add(half).and(high);

      r0.or(r1)
          .or(codes.lanewise(LSHL, evenSignShift).and(evenSign))
          .or(codes.lanewise(LSHL, oddSignShift).and(oddSign))
          .intoMemorySegment(ALL, out + 2L * i, LITTLE);
    }
    return largest.reduceLanes(MAX);
  }

  /** Returns 0: all codes are numbers. */
  private static int ints(Strip strip, int end, long in, long out, IntFormat f) {
    float[] divisor = strip.divisor;
    int[] zeroPoint = strip.zeroPoint;
    int shift = VectorPairs.shift(strip);
    int bits = f.bits();
    // Two's complement is the unsigned number with its top bit flipped, less that bit.
    int topBit = f.range() == IntFormat.Range.UNSIGNED ? 0 : 1 << (bits - 1);
    IntVector spread = VectorPairs.spread(shift);
    IntVector top = IntVector.broadcast(INTS, topBit);
    IntVector mask = IntVector.broadcast(INTS, (1 << bits) - 1);
    IntVector one = IntVector.broadcast(INTS, 1);
    IntVector half = IntVector.broadcast(INTS, 0x7FFF);
    IntVector high = IntVector.broadcast(INTS, 0xFFFF0000);
    IntVector width = IntVector.broadcast(INTS, bits);
    boolean nibbles = bits == 4;
    for (int i = 0; i < end; i += STEP) {
      int g = i >>> shift;
      IntVector codes;
      if (nibbles) {
        ByteVector bytes = ByteVector.fromMemorySegment(QUARTER_BYTES, ALL, in + i / 2, LITTLE);
        codes = (IntVector) bytes.convertShape(ZERO_EXTEND_B2I, INTS, 0);
      } else {
        ShortVector shorts = ShortVector.fromMemorySegment(HALF_SHORTS, ALL, in + i, LITTLE);
        codes = (IntVector) shorts.convertShape(ZERO_EXTEND_S2I, INTS, 0);
      }
      FloatVector d =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, divisor, g).reinterpretAsInts())
              .reinterpretAsFloats();
      IntVector offset = spread.selectFrom(IntVector.fromArray(INTS, zeroPoint, g)).add(top);

      IntVector k0 = codes.and(mask).lanewise(XOR, top).sub(offset);
      IntVector v0 = ((FloatVector) k0.convertShape(I2F, FLOATS, 0)).mul(d).reinterpretAsInts();
      IntVector r0 = v0.lanewise(LSHR, 16).and(one).add(v0).add(half).lanewise(LSHR, 16);

      IntVector k1 = codes.lanewise(LSHR, width).and(mask).lanewise(XOR, top).sub(offset);
      IntVector v1 = ((FloatVector) k1.convertShape(I2F, FLOATS, 0)).mul(d).reinterpretAsInts();
      IntVector r1 = v1.lanewise(LSHR, 16).and(one).add(v1).add(half).and(high);
      r0.or(r1).intoMemorySegment(ALL, out + 2L * i, LITTLE);
    }
    return 0;
  }

  /** Returns 0: all codes are numbers. Codes of 4 bits, as many levels as lanes. */
  private static int levels(Strip strip, int end, long in, long out, float[] levels) {
    float[] divisor = strip.divisor;
    int shift = VectorPairs.shift(strip);
    IntVector spread = VectorPairs.spread(shift);
    IntVector table = FloatVector.fromArray(FLOATS, levels, 0).reinterpretAsInts();
    IntVector one = IntVector.broadcast(INTS, 1);
    IntVector half = IntVector.broadcast(INTS, 0x7FFF);
    IntVector high = IntVector.broadcast(INTS, 0xFFFF0000);
    for (int i = 0; i < end; i += STEP) {
      ByteVector bytes = ByteVector.fromMemorySegment(QUARTER_BYTES, ALL, in + i / 2, LITTLE);
      IntVector codes = (IntVector) bytes.convertShape(ZERO_EXTEND_B2I, INTS, 0);
      FloatVector d =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, divisor, i >>> shift).reinterpretAsInts())
              .reinterpretAsFloats();
      // A selection looks at as many low bits of an index as there are lanes.
      FloatVector x0 = codes.selectFrom(table).reinterpretAsFloats();
      IntVector v0 = x0.mul(d).reinterpretAsInts();
      IntVector r0 = v0.lanewise(LSHR, 16).and(one).add(v0).add(half).lanewise(LSHR, 16);
      FloatVector x1 = codes.lanewise(LSHR, 4).selectFrom(table).reinterpretAsFloats();
      IntVector v1 = x1.mul(d).reinterpretAsInts();
      IntVector r1 = v1.lanewise(LSHR, 16).and(one).add(v1).add(half).and(high);
      r0.or(r1).intoMemorySegment(ALL, out + 2L * i, LITTLE);
    }
    return 0;
  }
}
