package org.modelopt.mixed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The multiple-choice knapsack problem, solved exactly: one item of each group, so that the sum of
 * their losses is least and the sum of their costs within a budget.
 *
 * <p>Dynamic programming over groups keeps, of all choices so far, those that no other beats in
 * cost and loss. Choices that cannot beat the best known solution, even if the groups that are left
 * could be cut into pieces, are dropped; that bound comes from the convex hulls of the groups. So
 * there are few choices to keep, and nothing is lost. Source: D. Pisinger, "A minimal algorithm for
 * the multiple-choice knapsack problem", European Journal of Operational Research 83 (1995).
 */
public final class Knapsack {
  /**
   * An item.
   *
   * @param cost at least 0
   * @param loss finite
   */
  public record Item(long cost, double loss) {}

  private record Candidate(long cost, double loss, int index) {}

  /** A step from one item of a group to the next on its hull. */
  private record Step(int group, long cost, double gain) {
    double slope() {
      return gain / cost;
    }
  }

  private record State(long cost, double loss, @Nullable State before, int choice) {}

  private final List<List<Candidate>> groups = new ArrayList<>();
  private final long budget;
  private final Bounds[] bounds; // of the groups from each one on

  private Knapsack(List<List<Item>> items, long budget) {
    this.budget = budget;
    for (List<Item> group : items) {
      groups.add(efficient(group));
    }
    List<List<Step>> steps = new ArrayList<>();
    for (int g = 0; g < groups.size(); g++) {
      steps.add(steps(g, groups.get(g)));
    }
    this.bounds = new Bounds[groups.size() + 1];
    for (int g = 0; g <= groups.size(); g++) {
      bounds[g] = new Bounds(groups.subList(g, groups.size()), steps.subList(g, groups.size()));
    }
  }

  /**
   * Solves the problem.
   *
   * @param groups at least one item in each
   * @return the index of an item of each group; empty if even the cheapest exceed the budget
   */
  public static Optional<int[]> solve(List<List<Item>> groups, long budget) {
    return new Knapsack(groups, budget).solve();
  }

  /** Items that no other of the group beats, in order of cost. */
  private static List<Candidate> efficient(List<Item> group) {
    List<Candidate> sorted = new ArrayList<>();
    for (int i = 0; i < group.size(); i++) {
      Item item = group.get(i);
      if (item.cost < 0 || !Double.isFinite(item.loss)) {
        throw new IllegalArgumentException("no item of a knapsack: " + item);
      }
      sorted.add(new Candidate(item.cost, item.loss, i));
    }
    sorted.sort(Comparator.comparingLong(Candidate::cost).thenComparingDouble(Candidate::loss));
    List<Candidate> kept = new ArrayList<>();
    for (Candidate candidate : sorted) {
      if (kept.isEmpty() || candidate.loss < kept.getLast().loss) {
        kept.add(candidate);
      }
    }
    return kept;
  }

  /** The lower convex hull of a group, as steps of falling slope. */
  private static List<Step> steps(int group, List<Candidate> items) {
    List<Candidate> hull = new ArrayList<>();
    for (Candidate item : items) {
      while (hull.size() > 1
          && step(group, hull.getLast(), item).slope()
              >= step(group, hull.get(hull.size() - 2), hull.getLast()).slope()) {
        hull.removeLast();
      }
      hull.add(item);
    }
    List<Step> steps = new ArrayList<>();
    for (int i = 1; i < hull.size(); i++) {
      steps.add(step(group, hull.get(i - 1), hull.get(i)));
    }
    return steps;
  }

  private static Step step(int group, Candidate from, Candidate to) {
    return new Step(group, to.cost - from.cost, from.loss - to.loss);
  }

  /** What the cheapest items of some groups and steps from there can reach. */
  private static final class Bounds {
    private final List<Step> steps;
    private final long[] costs; // after so many steps
    private final double[] losses;

    Bounds(List<List<Candidate>> groups, List<List<Step>> stepsOfGroups) {
      this.steps =
          stepsOfGroups.stream()
              .flatMap(List::stream)
              .sorted(Comparator.comparingDouble(Step::slope).reversed())
              .toList();
      this.costs = new long[steps.size() + 1];
      this.losses = new double[steps.size() + 1];
      for (List<Candidate> group : groups) {
        costs[0] = Math.addExact(costs[0], group.getFirst().cost);
        losses[0] += group.getFirst().loss;
      }
      for (int i = 0; i < steps.size(); i++) {
        costs[i + 1] = Math.addExact(costs[i], steps.get(i).cost);
        losses[i + 1] = losses[i] - steps.get(i).gain;
      }
    }

    /** Steps that fit, one after another; -1 if the cheapest items do not fit. */
    int fitting(long budget) {
      int at = Arrays.binarySearch(costs, budget);
      return at >= 0 ? at : -at - 2;
    }

    /** No choice of whole items has less loss. */
    double least(int fitting, long budget) {
      return fitting == steps.size()
          ? losses[fitting]
          : losses[fitting] - steps.get(fitting).slope() * (budget - costs[fitting]);
    }
  }

  private Optional<int[]> solve() {
    if (bounds[0].fitting(budget) < 0) {
      return Optional.empty();
    }
    double known = Double.POSITIVE_INFINITY;
    State best = null; // what it continues with is the steps of the bounds that fit
    int bestGroup = 0;
    List<State> states = List.of(new State(0, 0, null, -1));
    for (int g = 0; g <= groups.size(); g++) {
      for (State state : states) {
        int fitting = bounds[g].fitting(budget - state.cost);
        double reached =
            fitting < 0 ? Double.POSITIVE_INFINITY : state.loss + bounds[g].losses[fitting];
        if (reached < known) {
          known = reached;
          best = state;
          bestGroup = g;
        }
      }
      if (g < groups.size()) {
        states = next(states, g, known);
      }
    }
    return Optional.of(choices(best, bestGroup));
  }

  /** All choices with one more group that are not beaten and may still beat what is known. */
  private List<State> next(List<State> states, int group, double known) {
    List<State> more = new ArrayList<>();
    for (State state : states) {
      for (Candidate item : groups.get(group)) {
        State next = new State(state.cost + item.cost, state.loss + item.loss, state, item.index);
        long left = budget - next.cost;
        int fitting = bounds[group + 1].fitting(left);
        if (fitting >= 0 && next.loss + bounds[group + 1].least(fitting, left) < known) {
          more.add(next);
        }
      }
    }
    more.sort(Comparator.comparingLong(State::cost).thenComparingDouble(State::loss));
    List<State> kept = new ArrayList<>();
    for (State state : more) {
      if (kept.isEmpty() || state.loss < kept.getLast().loss) {
        kept.add(state);
      }
    }
    return kept;
  }

  private int[] choices(@Nullable State best, int group) {
    int[] chosen = new int[groups.size()];
    List<Integer> before = new ArrayList<>();
    long cost = 0;
    for (State state = best; state != null && state.before != null; state = state.before) {
      before.add(state.choice);
    }
    if (best != null) {
      cost = best.cost;
    }
    Collections.reverse(before);
    for (int g = 0; g < group; g++) {
      chosen[g] = before.get(g);
    }
    long[] paid = new long[groups.size()];
    for (int g = group; g < groups.size(); g++) {
      paid[g] = groups.get(g).getFirst().cost;
    }
    int fitting = bounds[group].fitting(budget - cost);
    for (Step step : bounds[group].steps.subList(0, fitting)) {
      paid[step.group] += step.cost;
    }
    for (int g = group; g < groups.size(); g++) {
      for (Candidate item : groups.get(g)) {
        if (item.cost == paid[g]) {
          chosen[g] = item.index;
        }
      }
    }
    return chosen;
  }
}
