package org.modelopt.config;

import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.modelopt.numeric.QuantSpec;

/**
 * What to do with some tensors of the modules whose name fits a pattern.
 *
 * @param pattern glob over full module names: {@code *} any text, {@code ?} one character, {@code
 *     [abc]} one of these
 * @param targets which tensors
 * @param spec the format they get; empty to leave them as they are
 * @param mustMatch whether it is an error if the pattern fits no module
 */
public record Rule(
    String pattern, Set<Target> targets, Optional<QuantSpec> spec, boolean mustMatch) {
  /** Copies the set. */
  public Rule {
    targets = Set.copyOf(targets);
  }

  /** Quantizes {@code target} of modules that fit {@code pattern}. */
  public static Rule quantize(String pattern, Target target, QuantSpec spec) {
    return new Rule(pattern, Set.of(target), Optional.of(spec), true);
  }

  /** Quantizes weight and input of modules that fit {@code pattern} alike. */
  public static Rule quantize(String pattern, QuantSpec spec) {
    return new Rule(pattern, Set.of(Target.WEIGHT, Target.INPUT), Optional.of(spec), true);
  }

  /** Leaves weight and input of modules that fit {@code pattern} as they are. */
  public static Rule exclude(String pattern) {
    return new Rule(
        pattern,
        Set.of(Target.WEIGHT, Target.DEQUANTIZED_WEIGHT, Target.INPUT),
        Optional.empty(),
        true);
  }

  /** The same rule for the other targets, empty if there is no other. */
  Optional<Rule> without(Target target) {
    Set<Target> others = new TreeSet<>(targets);
    others.remove(target);
    return others.isEmpty()
        ? Optional.empty()
        : Optional.of(new Rule(pattern, others, spec, mustMatch));
  }

  /** The same rule, silent if its pattern fits nothing. */
  public Rule optional() {
    return new Rule(pattern, targets, spec, false);
  }
}
