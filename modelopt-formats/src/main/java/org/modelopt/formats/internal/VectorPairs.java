package org.modelopt.formats.internal;

import static org.modelopt.formats.internal.VectorShapes.FLOATS;
import static org.modelopt.formats.internal.VectorShapes.HAS_QUARTER;
import static org.modelopt.formats.internal.VectorShapes.INTS;
import static org.modelopt.formats.internal.VectorShapes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/** How loops with two neighbouring elements per lane find the groups of a vector's elements. */
final class VectorPairs {
  /** Element {@code shift * LANES + lane}: the group of a lane, counted from the vector's first. */
  private static final int[] SPREADS = spreads();

  /** Elements of a vector. */
  static final int STEP = 2 * LANES;

  private VectorPairs() {}

  private static int[] spreads() {
    int[] spreads = new int[32 * LANES];
    for (int i = 0; i < spreads.length; i++) {
      spreads[i] = 2 * (i % LANES) >>> (i / LANES);
    }
    return spreads;
  }

  /** Whether the groups are such that lanes do not mix them, and codes fill whole bytes. */
  static boolean suit(Strip strip, int bits) {
    int group = strip.group();
    boolean single = strip.head() == strip.n();
    boolean powerOfTwo = strip.head() == group && group >= 2 && (group & (group - 1)) == 0;
    return (single || powerOfTwo) && (bits == 8 || (bits == 4 && HAS_QUARTER));
  }

  /** An element's index shifted to the right by this is the index of its group. */
  static int shift(Strip strip) {
    return strip.head() == strip.n() ? 31 : Integer.numberOfTrailingZeros(strip.group());
  }

  /** Whether the amax of each group is less than its divisor times {@code limit}. */
  static boolean below(Strip strip, float limit) {
    // What the rounding of the product might add is taken off before.
    float less = limit * (1 - 0x1p-20f);
    int n = strip.groups();
    int g = 0;
    VectorMask<Float> below = FLOATS.maskAll(true);
    for (; g <= n - LANES; g += LANES) {
      FloatVector most = FloatVector.fromArray(FLOATS, strip.divisor, g).mul(less);
      below = below.and(FloatVector.fromArray(FLOATS, strip.amax, g).lt(most));
    }
    boolean all = below.allTrue();
    for (; g < n; g++) {
      all &= strip.amax[g] < strip.divisor[g] * less;
    }
    return all;
  }

  /** The group of each lane of a vector, counted from the group of its first. */
  static IntVector spread(int shift) {
    return IntVector.fromArray(INTS, SPREADS, shift * LANES);
  }
}
