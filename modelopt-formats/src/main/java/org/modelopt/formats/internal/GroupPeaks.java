package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.L2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static org.modelopt.formats.internal.NativeMemory.ALL;
import static org.modelopt.formats.internal.VectorShapes.HALF_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.HAS_QUARTER;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.LITTLE;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.SHORTS;
import static org.modelopt.formats.internal.VectorShapes.widen;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import org.modelopt.tensor.DType;

/**
 * Largest magnitudes of groups of 16-bit elements without a reduction per group: neighbours are
 * compared within lanes of 32 and then of 64 bits, which leaves a quarter of the numbers, and so on
 * until there is one number per group. Groups longer than a vector become one vector first.
 */
final class GroupPeaks {
  private GroupPeaks() {}

  /** Whether groups are a power of two of at least 16 elements. */
  static boolean suits(Strip strip) {
    int group = strip.group();
    return HAS_QUARTER && group >= 16 && (group & (group - 1)) == 0;
  }

  /**
   * Amax of as many of the first {@code whole} groups, which are complete, as fill whole vectors.
   *
   * @return how many
   */
  static int amaxOfGroups(Strip strip, int whole, DType dtype, MemorySegment segment, long offset) {
    int lanes = SHORTS.length();
    int group = strip.group();
    int n = whole * group / lanes * lanes;
    long in = NativeMemory.address(segment, offset, 2L * n);
    if (in == 0) {
      return 0;
    }
    int vectors = Math.max(1, group / lanes);
    try {
      quartersOfMemory(strip.peaks, n, vectors, in);
    } finally {
      Reference.reachabilityFence(segment);
    }
    int left = n / vectors / 4;
    int perGroup = Math.min(group, lanes) / 4;
    for (; perGroup >= 4; perGroup /= 4, left /= 4) {
      quarters(strip.peaks, left);
    }
    if (perGroup == 2) {
      halves(strip.peaks, left);
    }
    int groups = n / group;
    toFloats(strip, groups, dtype);
    return groups;
  }

  /** The largest magnitude of each four elements, and of those at their places in more vectors. */
  private static void quartersOfMemory(short[] peaks, int n, int vectors, long in) {
    ShortVector magnitude = ShortVector.broadcast(SHORTS, (short) 0x7FFF);
    int lanes = SHORTS.length();
    int quarter = lanes / 4;
    int end = n / vectors / 4;
    for (int i = 0; i < end; i += quarter) {
      long at = in + 8L * vectors * i;
      ShortVector a = ShortVector.fromMemorySegment(SHORTS, ALL, at, LITTLE).and(magnitude);
      for (int j = 1; j < vectors; j++) {
        long next = at + 2L * lanes * j;
        a = a.max(ShortVector.fromMemorySegment(SHORTS, ALL, next, LITTLE).and(magnitude));
      }
      ShortVector twos = a.max(a.reinterpretAsInts().lanewise(LSHR, 16).reinterpretAsShorts());
      ShortVector fours =
          twos.max(twos.reinterpretAsLongs().lanewise(LSHR, 32).reinterpretAsShorts());
      ShortVector narrow =
          (ShortVector) fours.reinterpretAsLongs().convertShape(L2S, QUARTER_SHORTS, 0);
      narrow.intoArray(peaks, i);
    }
  }

  /** The largest of each four, in place. */
  private static void quarters(short[] peaks, int n) {
    int lanes = SHORTS.length();
    for (int i = 0; i < n; i += lanes) {
      ShortVector a = ShortVector.fromArray(SHORTS, peaks, i);
      ShortVector twos = a.max(a.reinterpretAsInts().lanewise(LSHR, 16).reinterpretAsShorts());
      ShortVector fours =
          twos.max(twos.reinterpretAsLongs().lanewise(LSHR, 32).reinterpretAsShorts());
      ShortVector narrow =
          (ShortVector) fours.reinterpretAsLongs().convertShape(L2S, QUARTER_SHORTS, 0);
      narrow.intoArray(peaks, i >>> 2);
    }
  }

  /** The larger of each two, in place. */
  private static void halves(short[] peaks, int n) {
    int lanes = SHORTS.length();
    for (int i = 0; i < n; i += lanes) {
      ShortVector a = ShortVector.fromArray(SHORTS, peaks, i);
      ShortVector twos = a.max(a.reinterpretAsInts().lanewise(LSHR, 16).reinterpretAsShorts());
      ShortVector narrow = (ShortVector) twos.reinterpretAsInts().convertShape(I2S, HALF_SHORTS, 0);
      narrow.intoArray(peaks, i >>> 1);
    }
  }

  private static void toFloats(Strip strip, int groups, DType dtype) {
    if (dtype == DType.BF16) {
      for (int g = 0; g < groups; g += LANES) {
        IntVector bits = widen(ShortVector.fromArray(HALF_SHORTS, strip.peaks, g));
        bits.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(strip.amax, g);
      }
    } else {
      for (int g = 0; g < groups; g++) {
        strip.amax[g] = VectorAmax.toFloat(dtype, strip.peaks[g]);
      }
    }
  }
}
