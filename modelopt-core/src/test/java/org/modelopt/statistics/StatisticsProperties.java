package org.modelopt.statistics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.modelopt.compute.ChannelSummary;

/** Laws of {@code merge}; sums of small integers are exact, so equality is exact. */
class StatisticsProperties {
  private static final int CHANNELS = 5;

  @Property
  void mergeIsAssociativeAndCommutative(
      @ForAll("seen") Statistics a, @ForAll("seen") Statistics b, @ForAll("seen") Statistics c) {
    assertEquals(a.merge(b).merge(c), a.merge(b.merge(c)));
    assertEquals(a.merge(b), b.merge(a));
  }

  @Property
  void emptyIsTheIdentity(@ForAll("seen") Statistics a) {
    assertEquals(a, a.merge(Statistics.empty(CHANNELS)));
    assertEquals(a, Statistics.empty(CHANNELS).merge(a));
  }

  @Property
  void amaxIsThatOfTheLargestChannelOfEither(
      @ForAll("seen") Statistics a, @ForAll("seen") Statistics b) {
    assertEquals(Math.max(a.amax(), b.amax()), a.merge(b).amax());
    for (int c = 0; c < CHANNELS; c++) {
      assertTrue(a.merge(b).channelAmax(c) >= a.channelAmax(c));
    }
  }

  @Property
  void aNanIsNeverLost(@ForAll("seen") Statistics a) {
    float[] amax = new float[CHANNELS];
    amax[3] = Float.NaN;
    Statistics broken = Statistics.of(new ChannelSummary(1, amax, new double[CHANNELS]));
    assertTrue(Float.isNaN(a.merge(broken).amax()));
    assertTrue(Float.isNaN(broken.merge(a).amax()));
  }

  @Provide
  Arbitrary<Statistics> seen() {
    return Arbitraries.integers()
        .between(0, 1000)
        .array(int[].class)
        .ofSize(CHANNELS)
        .map(values -> {
          float[] amax = new float[CHANNELS];
          double[] sum = new double[CHANNELS];
          for (int c = 0; c < CHANNELS; c++) {
            amax[c] = values[c] / 8f;
            sum[c] = values[c];
          }
          return Statistics.of(new ChannelSummary(values[0], amax, sum));
        });
  }
}
