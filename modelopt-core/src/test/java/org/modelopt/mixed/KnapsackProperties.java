package org.modelopt.mixed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.mixed.Knapsack.Item;

/** The solver against trying everything, and at the size of large models. */
class KnapsackProperties {
  private record Sum(long cost, double loss) {}

  private static Sum sum(List<List<Item>> groups, int[] chosen) {
    long cost = 0;
    double loss = 0;
    for (int g = 0; g < chosen.length; g++) {
      cost += groups.get(g).get(chosen[g]).cost();
      loss += groups.get(g).get(chosen[g]).loss();
    }
    return new Sum(cost, loss);
  }

  /** The least loss within the budget, by trying everything; infinite if there is none. */
  private static double tryEverything(List<List<Item>> groups, int from, long budget) {
    if (budget < 0) {
      return Double.POSITIVE_INFINITY;
    }
    if (from == groups.size()) {
      return 0;
    }
    double least = Double.POSITIVE_INFINITY;
    for (Item item : groups.get(from)) {
      least = Math.min(least, item.loss() + tryEverything(groups, from + 1, budget - item.cost()));
    }
    return least;
  }

  /** Losses are small whole numbers, so that sums are exact and ties are frequent. */
  @Property
  void noChoiceWithinTheBudgetIsBetter(
      @ForAll("groups") List<List<Item>> groups, @ForAll @IntRange(min = 0, max = 120) int budget) {
    double least = tryEverything(groups, 0, budget);
    Optional<int[]> solved = Knapsack.solve(groups, budget);
    assertEquals(Double.isFinite(least), solved.isPresent());
    if (solved.isPresent()) {
      Sum found = sum(groups, solved.get());
      assertTrue(found.cost <= budget, found + " over " + budget);
      assertEquals(least, found.loss);
    }
  }

  @Provide
  Arbitrary<List<List<Item>>> groups() {
    Arbitrary<Item> item =
        Arbitraries.integers()
            .between(0, 20)
            .flatMap(
                cost -> Arbitraries.integers().between(-9, 9).map(loss -> new Item(cost, loss)));
    return item.list().ofMinSize(1).ofMaxSize(4).list().ofMinSize(0).ofMaxSize(6);
  }

  /** The shape of a large model: 320 units of four sizes, three formats each, scales counted. */
  @Example
  void aLargeModelIsSolvedAndMoreRoomNeverLosesMore() {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(4);
    List<List<Item>> groups = new ArrayList<>();
    long elements = 0;
    for (int unit = 0; unit < 320; unit++) {
      long size = new long[] {83_886_080, 67_108_864, 469_762_048, 234_881_024}[unit % 4];
      double loss = Math.exp(3 * random.nextGaussian());
      groups.add(
          List.of(
              new Item(2 * size, 0),
              new Item(size + 8, loss / 30 * random.nextDouble(0.5, 2)),
              new Item(size * 9 / 16 + 8, loss)));
      elements += size;
    }
    for (double bits : new double[] {4.6, 5.4, 6.0, 7.5, 12}) {
      long budget = (long) (bits * elements / 8);
      Sum found = sum(groups, Knapsack.solve(groups, budget).orElseThrow());
      assertTrue(found.cost <= budget);
      Sum larger = sum(groups, Knapsack.solve(groups, budget + elements / 320).orElseThrow());
      assertTrue(larger.loss <= found.loss, "a larger budget never loses more");
    }
  }

  @Example
  void nothingToChooseFromIsAnEmptyChoice() {
    assertArrayEquals(new int[0], Knapsack.solve(List.of(), 0).orElseThrow());
  }

  @Example
  void negativeCostsAndLossesThatAreNoNumbersAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> Knapsack.solve(List.of(List.of(new Item(-1, 0))), 5));
    assertThrows(
        IllegalArgumentException.class,
        () -> Knapsack.solve(List.of(List.of(new Item(1, Double.NaN))), 5));
  }
}
