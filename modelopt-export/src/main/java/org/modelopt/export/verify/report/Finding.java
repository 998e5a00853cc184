package org.modelopt.export.verify.report;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * One thing that the verifier found.
 *
 * @param severity whether it fails the verification
 * @param consumers whose rule is broken; empty if it is a rule of the format, which holds for all
 * @param what the defect in a few words
 * @param where tensor and file
 * @param expected what the rule asks for
 * @param found what is there
 * @param why what the consumer would make of it
 * @param remedy what to do
 */
public record Finding(
    Severity severity,
    Set<Consumer> consumers,
    String what,
    Place where,
    String expected,
    String found,
    String why,
    String remedy) {
  /** Copies the set, in the order of the enum. */
  public Finding {
    consumers =
        consumers.isEmpty() ? Set.of() : Collections.unmodifiableSet(EnumSet.copyOf(consumers));
  }

  /** Whether this finding concerns {@code consumer}. */
  public boolean concerns(Consumer consumer) {
    return consumers.isEmpty() || consumers.contains(consumer);
  }

  /** One line: what, where, expected, found. */
  @Override
  public String toString() {
    return "%s: %s: expected %s, found %s".formatted(what, where, expected, found);
  }
}
