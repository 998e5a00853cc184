package org.modelopt.mixed;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.config.Rule;
import org.modelopt.config.Target;
import org.modelopt.error.ConfigException;
import org.modelopt.mixed.Mix.Choice;
import org.modelopt.numeric.QuantSpec;

/**
 * What each option of each unit costs and loses: enough to find the best mixture for any number of
 * bits without another pass.
 *
 * @param candidates the configs that options come from, all with the algorithm of the mixture
 * @param units in order of execution
 */
public record Sensitivities(List<Config> candidates, List<Unit> units) {
  private static final String EXPERT = "experts\\.\\d+\\.";

  /** Copies the lists. */
  public Sensitivities {
    candidates = List.copyOf(candidates);
    units = List.copyOf(units);
  }

  /**
   * {@code candidates} with one algorithm for all: that of those which do more than take maxima.
   *
   * @throws ConfigException if they name several, or disagree on rounding
   */
  public static List<Config> agreeing(List<Config> candidates) {
    if (candidates.isEmpty()) {
      throw new ConfigException("mixed precision needs at least one candidate; name a config");
    }
    Set<Algorithm> algorithms =
        candidates.stream()
            .map(Config::algorithm)
            .collect(Collectors.toCollection(LinkedHashSet::new));
    algorithms.remove(new Algorithm.Max());
    if (algorithms.size() > 1) {
      throw new ConfigException(
          "candidates %s have different algorithms, %s; a mixture has one: give configs that share it"
              .formatted(
                  candidates.stream().map(Config::name).collect(Collectors.joining(", ")),
                  algorithms));
    }
    if (candidates.stream().map(Config::weightConversion).distinct().count() > 1) {
      throw new ConfigException("candidates round weights differently; give them one conversion");
    }
    if (candidates.stream().map(Sensitivities::cacheRules).distinct().count() > 1) {
      throw new ConfigException(
          "candidates treat the KV cache differently; give all of them the same format for it");
    }
    Algorithm algorithm = algorithms.isEmpty() ? new Algorithm.Max() : algorithms.iterator().next();
    return candidates.stream().map(config -> config.withAlgorithm(algorithm)).toList();
  }

  /** Elements of the weights that some candidate quantizes. */
  public long elements() {
    return units.stream().mapToLong(Unit::elements).sum();
  }

  /**
   * The mixture with the least sum of scores.
   *
   * @param effectiveBits most bits per weight, scales included, over all linears that some
   *     candidate quantizes
   * @throws ConfigException if no mixture is that small
   */
  public Mix solve(double effectiveBits) {
    if (!(effectiveBits > 0)) {
      throw new ConfigException("effective bits must be a number above 0 but are " + effectiveBits);
    }
    long budget = (long) Math.floor(effectiveBits * elements() / 8);
    List<List<Knapsack.Item>> items =
        units.stream()
            .map(unit ->
                unit.options().stream()
                    .map(option -> new Knapsack.Item(option.bytes(), option.score()))
                    .toList())
            .toList();
    int[] chosen =
        Knapsack.solve(items, budget)
            .orElseThrow(() ->
                new ConfigException(
                    "no mixture of %s has %s bits per weight; the least is %.4f: allow more, or name a smaller format"
                        .formatted(names(), effectiveBits, leastBits())));
    List<Choice> choices = new ArrayList<>();
    for (int i = 0; i < chosen.length; i++) {
      choices.add(new Choice(units.get(i), units.get(i).options().get(chosen[i])));
    }
    long bytes = choices.stream().mapToLong(choice -> choice.option().bytes()).sum();
    double score = choices.stream().mapToDouble(choice -> choice.option().score()).sum();
    String name = "AUTO_" + String.format(Locale.ROOT, "%s", effectiveBits);
    return new Mix(config(name, choices), 8.0 * bytes / elements(), score, choices);
  }

  private String names() {
    return candidates.stream().map(Config::name).collect(Collectors.joining(", "));
  }

  private double leastBits() {
    long bytes = 0;
    for (Unit unit : units) {
      bytes += unit.options().stream().mapToLong(Option::bytes).min().orElseThrow();
    }
    // Rounded up, so that asking for it succeeds.
    return Math.ceil(8e4 * bytes / elements()) / 1e4;
  }

  private Config config(String name, List<Choice> choices) {
    List<PlannedLinear> linears =
        choices.stream().flatMap(choice -> choice.option().linears().stream()).toList();
    List<Rule> rules = new ArrayList<>();
    for (Map.Entry<String, PlannedLinear> entry : patterns(linears).entrySet()) {
      PlannedLinear linear = entry.getValue();
      add(rules, entry.getKey(), Target.WEIGHT, linear.weight());
      add(rules, entry.getKey(), Target.DEQUANTIZED_WEIGHT, linear.dequantizedWeight());
      add(rules, entry.getKey(), Target.INPUT, linear.input());
    }
    rules.addAll(cacheRules(candidates.getFirst()));
    if (rules.isEmpty()) {
      throw new ConfigException(
          "so many bits leave every linear unquantized; ask for fewer, or export the model as it"
              + " is");
    }
    Config first = candidates.getFirst();
    return new Config(name, rules, first.algorithm(), first.weightConversion());
  }

  private static List<Rule> cacheRules(Config config) {
    return config.rules().stream()
        .flatMap(rule ->
            Stream.of(Target.KV_CACHE, Target.KV_CACHE_CAST)
                .filter(rule.targets()::contains)
                .map(target ->
                    new Rule(rule.pattern(), Set.of(target), rule.spec(), rule.mustMatch())))
        .toList();
  }

  private static void add(
      List<Rule> rules, String pattern, Target target, Optional<QuantSpec> spec) {
    spec.ifPresent(format -> rules.add(Rule.quantize(pattern, target, format)));
  }

  /**
   * Patterns and what the linears that fit them get: names, with {@code *} for the number of an
   * expert where all experts are treated alike.
   */
  private static Map<String, PlannedLinear> patterns(List<PlannedLinear> linears) {
    Map<String, PlannedLinear> patterns = new LinkedHashMap<>();
    Set<String> mixed = new HashSet<>();
    for (PlannedLinear linear : linears) {
      PlannedLinear known = patterns.putIfAbsent(pattern(linear), linear);
      if (known != null && !formats(known).equals(formats(linear))) {
        mixed.add(pattern(linear));
      }
    }
    Map<String, PlannedLinear> all = new LinkedHashMap<>();
    for (PlannedLinear linear : linears) {
      String pattern = mixed.contains(pattern(linear)) ? linear.linear().name() : pattern(linear);
      all.putIfAbsent(pattern, linear);
    }
    return all;
  }

  private static String pattern(PlannedLinear linear) {
    String name = linear.linear().name();
    return switch (linear.linear().role()) {
      case EXPERT, STACKED_EXPERT -> name.replaceFirst(EXPERT, "experts.*.");
      case PROJECTION, ROUTER -> name;
    };
  }

  private static List<Optional<QuantSpec>> formats(PlannedLinear linear) {
    return List.of(linear.weight(), linear.dequantizedWeight(), linear.input());
  }
}
