package org.modelopt.statistics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

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

  /** Magnitudes in the middle of bins of one. */
  @Property
  void histogramsOfPartsCountWhatOneOfAllCounts(
      @ForAll @Size(max = 40) List<@IntRange(max = 5000) Integer> values,
      @ForAll @IntRange(max = 40) int cut) {
    int at = Math.min(cut, values.size());
    Histogram first = histogram(values.subList(0, at));
    first.merge(histogram(values.subList(at, values.size())));
    assertArrayEquals(trimmed(histogram(values)), trimmed(first));
  }

  private static Histogram histogram(List<Integer> values) {
    Histogram histogram = new Histogram();
    histogram.add(Histogram.FIRST_BINS); // bins of one
    values.forEach(value -> histogram.add(value + 0.5f));
    return histogram;
  }

  private static long[] trimmed(Histogram histogram) {
    long[] counts = histogram.counts();
    counts[Histogram.FIRST_BINS - 1] = 0; // where the value that fixes the width is counted
    return Arrays.copyOf(counts, 5002);
  }

  @Property
  void histogramsOfOtherWidthsLoseNoCount(
      @ForAll @Size(min = 1, max = 20) List<@FloatRange(min = 0, max = 9) Float> first,
      @ForAll @Size(min = 1, max = 20) List<@FloatRange(min = 0, max = 9) Float> second) {
    Histogram merged = new Histogram();
    merged.add(1);
    first.forEach(merged::add);
    Histogram later = new Histogram();
    second.forEach(later::add);
    merged.merge(later);
    assertEquals(1 + first.size() + second.size(), Arrays.stream(merged.counts()).sum());
  }

  @Property(tries = 50)
  void sampledRowsAreSomeOfBothAndNotTooMany(
      @ForAll @IntRange(max = 3000) int first, @ForAll @IntRange(max = 3000) int second) {
    RowSample merged = sample(0, first);
    merged.merge(sample(first, second));
    assertEquals(first + second, merged.seen());
    assertTrue(merged.count() <= RowSample.CAPACITY);
    assertTrue(merged.count() >= Math.min(first + second, RowSample.CAPACITY / 4));
    float[] rows = merged.toArray();
    for (int i = 1; i < rows.length; i++) {
      assertTrue(rows[i] > rows[i - 1], "rows of the first, then of the second, in order");
    }
  }

  private static RowSample sample(int from, int count) {
    RowSample sample = new RowSample(1);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = from + i;
    }
    sample.add(Tensor.ofFloats(Arena.ofAuto(), Shape.of(count, 1), values));
    return sample;
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
