package org.modelopt.formats.internal;

import static jdk.incubator.vector.VectorOperators.L2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static org.modelopt.formats.internal.VectorShapes.HALF_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.HAS_QUARTER;
import static org.modelopt.formats.internal.VectorShapes.LANES;
import static org.modelopt.formats.internal.VectorShapes.QUARTER_SHORTS;
import static org.modelopt.formats.internal.VectorShapes.SHORTS;
import static org.modelopt.formats.internal.VectorShapes.narrowToShorts;
import static org.modelopt.formats.internal.VectorShapes.widen;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import org.modelopt.tensor.DType;

/**
 * Largest magnitudes of groups of 16-bit elements without a reduction per group: neighbours are
 * compared within lanes of 32 and then of 64 bits, which leaves a quarter of the numbers, and so on
 * until there is one number per group.
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
  static int amaxOfGroups(
      Strip strip, int whole, DType dtype, MemorySegment segment, long offset) {
    int group = strip.group();
    int lanes = SHORTS.length();
    int n = whole * group / lanes * lanes;
    short[] peaks = strip.peaks;
    for (int i = 0; i < n; i += lanes) {
      quarter(VectorAmax.magnitudes16(segment, offset + 2L * i)).intoArray(peaks, i >>> 2);
    }
    int left = n / 4;
    int perGroup = group / 4;
    for (; perGroup >= 4; perGroup /= 4, left /= 4) {
      for (int i = 0; i < left; i += lanes) {
        quarter(ShortVector.fromArray(SHORTS, peaks, i)).intoArray(peaks, i >>> 2);
      }
    }
    if (perGroup == 2) {
      for (int i = 0; i < left; i += lanes) {
        narrowToShorts(pairs(ShortVector.fromArray(SHORTS, peaks, i)).reinterpretAsInts())
            .intoArray(peaks, i >>> 1);
      }
    }
    int groups = n / group;
    toFloats(strip, groups, dtype);
    return groups;
  }

  /** The larger of the two halves in the lower half of each 32-bit lane. */
  private static ShortVector pairs(ShortVector a) {
    return a.max(a.reinterpretAsInts().lanewise(LSHR, 16).reinterpretAsShorts());
  }

  /** The largest of each four. */
  private static ShortVector quarter(ShortVector a) {
    ShortVector pairs = pairs(a);
    LongVector longs = pairs.reinterpretAsLongs();
    ShortVector quads = pairs.max(longs.lanewise(LSHR, 32).reinterpretAsShorts());
    return (ShortVector) quads.reinterpretAsLongs().convertShape(L2S, QUARTER_SHORTS, 0);
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
