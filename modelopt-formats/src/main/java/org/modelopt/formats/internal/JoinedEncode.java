package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static org.modelopt.formats.internal.NativeMemory.ALL;
import static org.modelopt.formats.internal.VectorPairs.STEP;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.HALF_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_BYTES;
import static org.modelopt.formats.internal.VectorShapes.SHORTS;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.modelopt.formats.internal.Encoding.Variant;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.tensor.DType;

/**
 * From bfloat16 in memory to packed codes in memory in one loop.
 *
 * <p>A lane of 32 bits holds two neighbours. Each becomes a float32 by a shift or a mask, and their
 * codes are joined within the lane, so that two elements share one narrowing. Quotients are made as
 * in {@link VectorGroups#divide}, of magnitudes where the format has a sign bit. What would need
 * clamping is left to other loops.
 */
final class JoinedEncode {
  private static final int BURST = 4 * STEP;
  private static final int AHEAD = 16 * STEP;

  private JoinedEncode() {}

  /** Whether there is a loop for the encoding and the strip's groups. */
  static boolean suits(Encoding encoding, Strip strip) {
    return encoding.variant() == Variant.STANDARD
        && encoding.isSymmetric()
        && VectorPairs.suit(strip, encoding.format().bits());
  }

  /**
   * Codes of the whole vectors at the start of {@code count} elements, whose groups are those of a
   * strip that suits. If the amax of the groups is not known, it must be a single group, which may
   * go on behind the strip.
   *
   * @return how many elements these are, or -1 if some need clamping or division; then what was
   *     written means nothing
   */
  static int encode(
      Encoding encoding,
      Strip strip,
      int count,
      int behind,
      MemorySegment from,
      long fromAt,
      MemorySegment to,
      long toAt) {
    int bits = encoding.format().bits();
    int n = count & -STEP;
    long in = NativeMemory.address(from, fromAt, 2L * (count + behind));
    long out = NativeMemory.address(to, toAt, (long) n * bits / 8);
    boolean usable = in != 0 && out != 0 && !to.isReadOnly();
    if (!usable || !VectorGroups.invert(strip)) {
      return -1;
    }
    try {
      boolean known = strip.amaxKnown;
      int distance = known ? n : AHEAD;
      int readable = known ? n + behind : n;
      boolean look = distance + BURST <= readable;
      if (!known) {
        strip.amax[0] = VectorAmax.amax(DType.BF16, ALL, in, look ? distance : n);
      }
      if (!VectorPairs.below(strip, encoding.overflow())) {
        return -1;
      }
      int last = look ? readable - BURST : -1;
      short largest =
          switch (encoding.format()) {
            case FloatFormat f ->
                floats(strip, n, in, out, FloatConstants.of(f), bits, distance, last);
            case IntFormat f -> ints(strip, n, in, out, f, distance, last);
            case CodebookFormat _ ->
                throw new IllegalArgumentException("no loop for " + encoding.format());
          };
      if (!known && look) {
        strip.amax[0] = Float.intBitsToFloat(largest << 16);
        return VectorPairs.below(strip, encoding.overflow()) ? n : -1;
      }
      return n;
    } finally {
      Reference.reachabilityFence(from);
      Reference.reachabilityFence(to);
    }
  }

  /** See {@link FloatConstants}. */
  private static short floats(
      Strip strip, int end, long in, long out, FloatConstants c, int bits, int distance, int last) {
    float[] divisor = strip.divisor;
    float[] reciprocal = strip.reciprocal;
    int shift = VectorPairs.shift(strip);
    IntVector spread = VectorPairs.spread(shift);
    IntVector even = IntVector.broadcast(INTS, 0x00007FFF);
    IntVector odd = IntVector.broadcast(INTS, 0x7FFF0000);
    IntVector exponentMask = IntVector.broadcast(INTS, 0x7F800000);
    IntVector minExponent = IntVector.broadcast(INTS, c.minExponent());
    FloatVector rounder = FloatVector.broadcast(FLOATS, c.rounder());
    IntVector codeMask = IntVector.broadcast(INTS, c.magnitudeMask());
    IntVector evenSign = IntVector.broadcast(INTS, c.signMask());
    IntVector oddSign = IntVector.broadcast(INTS, c.signMask() << bits);
    // Shifts by a vector are one operation, by a variable two.
    IntVector evenSignShift = IntVector.broadcast(INTS, 16 - bits);
    IntVector oddSignShift = IntVector.broadcast(INTS, 32 - 2 * bits);
    IntVector codeShift = IntVector.broadcast(INTS, c.shift());
    IntVector width = IntVector.broadcast(INTS, bits);
    boolean nibbles = bits == 4;
    ShortVector largest = ShortVector.zero(SHORTS);
    ShortVector magnitude = ShortVector.broadcast(SHORTS, (short) 0x7FFF);
    for (int i = 0; i < end; i += STEP) {
      if (last >= 0 && (i & (BURST - 1)) == 0) {
        long at = in + 2L * Math.min(i + distance, last);
        largest =
            largest
                .max(ShortVector.fromMemorySegment(SHORTS, ALL, at, LITTLE).and(magnitude))
                .max(
                    ShortVector.fromMemorySegment(SHORTS, ALL, at + 2L * STEP, LITTLE)
                        .and(magnitude))
                .max(
                    ShortVector.fromMemorySegment(SHORTS, ALL, at + 4L * STEP, LITTLE)
                        .and(magnitude))
                .max(
                    ShortVector.fromMemorySegment(SHORTS, ALL, at + 6L * STEP, LITTLE)
                        .and(magnitude));
      }
      int g = i >>> shift;
      FloatVector r =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, reciprocal, g).reinterpretAsInts())
              .reinterpretAsFloats();
      FloatVector d =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, divisor, g).reinterpretAsInts())
              .reinterpretAsFloats()
              .neg();
      IntVector pair = IntVector.fromMemorySegment(INTS, ALL, in + 2L * i, LITTLE);

      FloatVector x0 = pair.and(even).lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector p0 = x0.mul(r);
      FloatVector q0 = p0.fma(d, x0).fma(r, p0);
      IntVector e0 = q0.reinterpretAsInts().and(exponentMask).max(minExponent);
      IntVector s0 = e0.reinterpretAsFloats().fma(rounder, q0).reinterpretAsInts();
      IntVector c0 = s0.add(e0.lanewise(LSHR, codeShift)).and(codeMask);

      FloatVector x1 = pair.and(odd).reinterpretAsFloats();
      FloatVector p1 = x1.mul(r);
      FloatVector q1 = p1.fma(d, x1).fma(r, p1);
      IntVector e1 = q1.reinterpretAsInts().and(exponentMask).max(minExponent);
      IntVector s1 = e1.reinterpretAsFloats().fma(rounder, q1).reinterpretAsInts();
      IntVector c1 = s1.add(e1.lanewise(LSHR, codeShift)).and(codeMask);

      IntVector codes =
          c0.or(c1.lanewise(LSHL, width))
              .or(pair.lanewise(LSHR, evenSignShift).and(evenSign))
              .or(pair.lanewise(LSHR, oddSignShift).and(oddSign));
      if (nibbles) {
        ByteVector bytes = (ByteVector) codes.convertShape(VectorOperators.I2B, QUARTER_BYTES, 0);
        bytes.intoMemorySegment(ALL, out + i / 2, LITTLE);
      } else {
        ShortVector shorts = (ShortVector) codes.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
        shorts.intoMemorySegment(ALL, out + i, LITTLE);
      }
    }
    return largest.reduceLanes(MAX);
  }

  private static short ints(
      Strip strip, int end, long in, long out, IntFormat f, int distance, int last) {
    float[] divisor = strip.divisor;
    float[] reciprocal = strip.reciprocal;
    int shift = VectorPairs.shift(strip);
    int bits = f.bits();
    IntVector spread = VectorPairs.spread(shift);
    IntVector high = IntVector.broadcast(INTS, 0xFFFF0000);
    FloatVector rounder = FloatVector.broadcast(FLOATS, VectorEncode.ROUNDER);
    IntVector codeMask = IntVector.broadcast(INTS, (1 << bits) - 1);
    IntVector width = IntVector.broadcast(INTS, bits);
    boolean nibbles = bits == 4;
    ShortVector largest = ShortVector.zero(SHORTS);
    ShortVector magnitude = ShortVector.broadcast(SHORTS, (short) 0x7FFF);
    for (int i = 0; i < end; i += STEP) {
      if (last >= 0 && (i & (BURST - 1)) == 0) {
        long at = in + 2L * Math.min(i + distance, last);
        largest =
            largest
                .max(ShortVector.fromMemorySegment(SHORTS, ALL, at, LITTLE).and(magnitude))
                .max(
                    ShortVector.fromMemorySegment(SHORTS, ALL, at + 2L * STEP, LITTLE)
                        .and(magnitude))
                .max(
                    ShortVector.fromMemorySegment(SHORTS, ALL, at + 4L * STEP, LITTLE)
                        .and(magnitude))
                .max(
                    ShortVector.fromMemorySegment(SHORTS, ALL, at + 6L * STEP, LITTLE)
                        .and(magnitude));
      }
      int g = i >>> shift;
      FloatVector r =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, reciprocal, g).reinterpretAsInts())
              .reinterpretAsFloats();
      FloatVector d =
          spread
              .selectFrom(FloatVector.fromArray(FLOATS, divisor, g).reinterpretAsInts())
              .reinterpretAsFloats()
              .neg();
      IntVector pair = IntVector.fromMemorySegment(INTS, ALL, in + 2L * i, LITTLE);
      FloatVector x0 = pair.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector p0 = x0.mul(r);
      FloatVector q0 = p0.fma(d, x0).fma(r, p0);
      IntVector c0 = q0.add(rounder).reinterpretAsInts().and(codeMask);
      FloatVector x1 = pair.and(high).reinterpretAsFloats();
      FloatVector p1 = x1.mul(r);
      FloatVector q1 = p1.fma(d, x1).fma(r, p1);
      IntVector c1 = q1.add(rounder).reinterpretAsInts();
      IntVector codes = c0.or(c1.lanewise(LSHL, width));
      if (nibbles) {
        ByteVector bytes = (ByteVector) codes.convertShape(VectorOperators.I2B, QUARTER_BYTES, 0);
        bytes.intoMemorySegment(ALL, out + i / 2, LITTLE);
      } else {
        ShortVector shorts = (ShortVector) codes.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
        shorts.intoMemorySegment(ALL, out + i, LITTLE);
      }
    }
    return largest.reduceLanes(MAX);
  }
}
