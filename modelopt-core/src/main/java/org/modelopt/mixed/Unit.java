package org.modelopt.mixed;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.config.PlanSize;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;

/**
 * Linears that are decided together, because servers join them: those that read the same tensor
 * (q/k/v, gate/up), and all experts of a layer.
 *
 * @param name of the input group, or of the layer with {@code .experts}
 * @param options distinct ways to treat them, the first leaves them unquantized
 */
public record Unit(String name, List<Option> options) {
  /** Copies the list. */
  public Unit {
    options = List.copyOf(options);
  }

  /** Elements of all weights. */
  public long elements() {
    return options.getFirst().linears().stream().mapToLong(p -> p.linear().elements()).sum();
  }

  /** Names of the members. */
  public Set<String> names() {
    return options.getFirst().linears().stream()
        .map(planned -> planned.linear().name())
        .collect(Collectors.toUnmodifiableSet());
  }

  /** A copy with scores in the order of the options. */
  public Unit withScores(List<Double> scores) {
    List<Option> scored = new ArrayList<>();
    for (int i = 0; i < options.size(); i++) {
      scored.add(options.get(i).withScore(scores.get(i)));
    }
    return new Unit(name, scored);
  }

  /**
   * The units of a layer, scores 0; linears that no candidate quantizes are in none.
   *
   * @param candidates names of the candidates, and what each makes of the model
   */
  public static List<Unit> of(Model model, Layer layer, Map<String, Plan> candidates) {
    Map<String, Map<String, PlannedLinear>> planned = new LinkedHashMap<>();
    candidates.forEach((name, plan) ->
        planned.put(
            name,
            plan.linears().stream()
                .collect(
                    Collectors.toMap(p -> p.linear().name(), Function.identity(), (a, b) -> a))));
    Map<String, List<Linear>> members = new LinkedHashMap<>();
    for (InputGroup group : layer.inputGroups()) {
      boolean expert = group.linears().stream().allMatch(linear -> linear.role().isExpert());
      members
          .computeIfAbsent(
              expert ? layer.name() + ".experts" : group.name(), key -> new ArrayList<>())
          .addAll(
              group.linears().stream()
                  .filter(linear ->
                      expert
                          || planned.values().stream().anyMatch(plan -> isQuantized(plan, linear)))
                  .toList());
    }
    List<Unit> units = new ArrayList<>();
    members.forEach((name, linears) -> {
      Unit unit = of(model, name, linears, planned);
      if (unit.options.size() > 1) {
        units.add(unit);
      }
    });
    return units;
  }

  private static boolean isQuantized(Map<String, PlannedLinear> plan, Linear linear) {
    PlannedLinear planned = plan.get(linear.name());
    return planned != null && planned.weight().isPresent();
  }

  private static Unit of(
      Model model,
      String name,
      List<Linear> linears,
      Map<String, Map<String, PlannedLinear>> candidates) {
    Map<List<PlannedLinear>, String> options = new LinkedHashMap<>();
    options.put(linears.stream().map(Plan::unquantized).toList(), Option.UNQUANTIZED);
    candidates.forEach((candidate, plan) ->
        options.putIfAbsent(
            linears.stream()
                .map(linear -> {
                  PlannedLinear planned = plan.get(linear.name());
                  return planned != null && planned.weight().isPresent()
                      ? planned
                      : Plan.unquantized(linear);
                })
                .toList(),
            candidate));
    List<Option> sized = new ArrayList<>();
    options.forEach((planned, candidate) ->
        sized.add(
            new Option(
                candidate,
                planned,
                planned.stream().mapToLong(p -> PlanSize.bytesAfter(model, p)).sum(),
                0)));
    return new Unit(name, sized);
  }
}
