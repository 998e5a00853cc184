package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.MAX;
import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.SHORTS;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;
import org.modelopt.tensor.DType;

/**
 * Largest magnitudes. The bits of a magnitude, read as an integer, order as the magnitudes do, in
 * all three element types; infinity and NaN are above all others.
 */
final class VectorAmax {
  private static final short MAGNITUDE_16 = 0x7FFF;
  private static final int MAGNITUDE_32 = 0x7FFFFFFF;
  private static final ScalarKernels SCALAR = new ScalarKernels();

  /** Shorts for groups: no more than the smallest common group has. */
  private static final VectorSpecies<Short> GROUP_SHORTS =
      SHORTS.length() > 16 ? ShortVector.SPECIES_256 : SHORTS;

  private VectorAmax() {}

  static float amax(DType dtype, MemorySegment segment, long offset, long n) {
    return dtype == DType.F32 ? amax32(segment, offset, n) : amax16(dtype, segment, offset, n);
  }

  private static float amax16(DType dtype, MemorySegment segment, long offset, long n) {
    int lanes = SHORTS.length();
    long bytes = 2L * lanes;
    ShortVector a = ShortVector.zero(SHORTS);
    ShortVector b = a;
    ShortVector c = a;
    ShortVector d = a;
    long at = offset;
    long end = offset + n / (4L * lanes) * 4 * bytes;
    for (; at < end; at += 4 * bytes) {
      a = a.max(magnitudes16(segment, at));
      b = b.max(magnitudes16(segment, at + bytes));
      c = c.max(magnitudes16(segment, at + 2 * bytes));
      d = d.max(magnitudes16(segment, at + 3 * bytes));
    }
    end = offset + n / lanes * bytes;
    for (; at < end; at += bytes) {
      a = a.max(magnitudes16(segment, at));
    }
    float most = toFloat(dtype, a.max(b).max(c.max(d)).reduceLanes(MAX));
    return larger(most, SCALAR.amax(dtype, segment, at, n - (at - offset) / 2));
  }

  static ShortVector magnitudes16(MemorySegment segment, long at) {
    return ShortVector.fromMemorySegment(SHORTS, segment, at, LITTLE).lanewise(AND, MAGNITUDE_16);
  }

  private static float amax32(MemorySegment segment, long offset, long n) {
    int lanes = INTS.length();
    long bytes = 4L * lanes;
    IntVector a = IntVector.zero(INTS);
    IntVector b = a;
    IntVector c = a;
    IntVector d = a;
    long at = offset;
    long end = offset + n / (4L * lanes) * 4 * bytes;
    for (; at < end; at += 4 * bytes) {
      a = a.max(magnitudes32(segment, at));
      b = b.max(magnitudes32(segment, at + bytes));
      c = c.max(magnitudes32(segment, at + 2 * bytes));
      d = d.max(magnitudes32(segment, at + 3 * bytes));
    }
    end = offset + n / lanes * bytes;
    for (; at < end; at += bytes) {
      a = a.max(magnitudes32(segment, at));
    }
    float most = Float.intBitsToFloat(a.max(b).max(c.max(d)).reduceLanes(MAX));
    return larger(most, SCALAR.amax(DType.F32, segment, at, n - (at - offset) / 4));
  }

  private static IntVector magnitudes32(MemorySegment segment, long at) {
    return IntVector.fromMemorySegment(INTS, segment, at, LITTLE).lanewise(AND, MAGNITUDE_32);
  }

  /** The larger magnitude, NaN being above all others. */
  private static float larger(float a, float b) {
    return Float.intBitsToFloat(Math.max(Float.floatToRawIntBits(a), Float.floatToRawIntBits(b)));
  }

  static float toFloat(DType dtype, short bits) {
    return dtype == DType.BF16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat(bits);
  }

  /**
   * Whole groups at the start of the strip whose size suits vectors; the rest by the scalar form.
   */
  static float amaxOfGroups(Strip strip, DType dtype, MemorySegment segment, long offset) {
    int bytes = dtype.bits() >>> 3;
    int whole = strip.head() < strip.group() ? 0 : strip.n() / strip.group();
    int done = 0;
    if (dtype != DType.F32 && GroupPeaks.suits(strip)) {
      done = GroupPeaks.amaxOfGroups(strip, whole, dtype, segment, offset);
    } else if (dtype != DType.F32 && strip.group() % GROUP_SHORTS.length() == 0) {
      groups16(strip, whole, dtype, segment, offset);
      done = whole;
    } else if (dtype == DType.F32 && strip.group() % INTS.length() == 0) {
      groups32(strip, whole, segment, offset);
      done = whole;
    }
    for (int g = done; g < strip.groups(); g++) {
      int start = strip.start(g);
      strip.amax[g] = amax(dtype, segment, offset + (long) start * bytes, strip.end(g) - start);
    }
    return largest(strip.amax, strip.groups());
  }

  /** The largest of {@code n} magnitudes. */
  static float largest(float[] amax, int n) {
    IntVector most = IntVector.zero(INTS);
    int g = 0;
    for (; g <= n - INTS.length(); g += INTS.length()) {
      most = most.max(FloatVector.fromArray(FLOATS, amax, g).reinterpretAsInts());
    }
    int bits = most.reduceLanes(MAX);
    for (; g < n; g++) {
      bits = Math.max(bits, Float.floatToRawIntBits(amax[g]));
    }
    return Float.intBitsToFloat(bits);
  }

  private static void groups16(
      Strip strip, int groups, DType dtype, MemorySegment segment, long offset) {
    int bytes = 2 * strip.group();
    int step = 2 * GROUP_SHORTS.length();
    boolean bf16 = dtype == DType.BF16;
    float[] amax = strip.amax;
    for (int g = 0; g < groups; g++) {
      long at = offset + (long) g * bytes;
      ShortVector most = groupMagnitudes(segment, at);
      for (int i = step; i < bytes; i += step) {
        most = most.max(groupMagnitudes(segment, at + i));
      }
      short bits = most.reduceLanes(MAX);
      amax[g] = bf16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat(bits);
    }
  }

  private static ShortVector groupMagnitudes(MemorySegment segment, long at) {
    return ShortVector.fromMemorySegment(GROUP_SHORTS, segment, at, LITTLE)
        .lanewise(AND, MAGNITUDE_16);
  }

  private static void groups32(Strip strip, int groups, MemorySegment segment, long offset) {
    int bytes = 4 * strip.group();
    int step = 4 * INTS.length();
    for (int g = 0; g < groups; g++) {
      long at = offset + (long) g * bytes;
      IntVector most = magnitudes32(segment, at);
      for (int i = step; i < bytes; i += step) {
        most = most.max(magnitudes32(segment, at + i));
      }
      strip.amax[g] = Float.intBitsToFloat(most.reduceLanes(MAX));
    }
  }
}
