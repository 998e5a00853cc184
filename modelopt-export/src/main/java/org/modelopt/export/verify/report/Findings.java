package org.modelopt.export.verify.report;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Gathers findings in the order they are made. The same finding made for several consumers becomes
 * one that names them all. Not for use by several threads.
 */
public final class Findings {
  private record Key(
      Severity severity, Violation violation, Place where, String expected, String found) {}

  private final Map<Key, Set<Consumer>> found = new LinkedHashMap<>();

  /** Creates an empty collection. */
  public Findings() {}

  /** Reports a broken rule of the format, which concerns every consumer. */
  public void error(Violation violation, Place where, Object expected, Object found) {
    add(Severity.ERROR, Set.of(), violation, where, expected, found);
  }

  /** Reports a broken rule of some consumers. */
  public void error(
      Set<Consumer> consumers, Violation violation, Place where, Object expected, Object found) {
    add(Severity.ERROR, consumers, violation, where, expected, found);
  }

  /** Reports something worth knowing to all. */
  public void note(Violation violation, Place where, Object expected, Object found) {
    add(Severity.NOTE, Set.of(), violation, where, expected, found);
  }

  /** Reports something worth knowing about some consumers. */
  public void note(
      Set<Consumer> consumers, Violation violation, Place where, Object expected, Object found) {
    add(Severity.NOTE, consumers, violation, where, expected, found);
  }

  private void add(
      Severity severity,
      Set<Consumer> consumers,
      Violation violation,
      Place where,
      Object expected,
      Object found) {
    Key key = new Key(severity, violation, where, expected.toString(), found.toString());
    Set<Consumer> known = this.found.get(key);
    if (known == null) {
      Set<Consumer> copy = EnumSet.noneOf(Consumer.class);
      copy.addAll(consumers);
      this.found.put(key, copy);
    } else if (consumers.isEmpty()) {
      known.clear();
    } else if (!known.isEmpty()) {
      known.addAll(consumers);
    }
  }

  /** Whether nothing that fails the verification was reported. */
  public boolean hasNoErrors() {
    return found.keySet().stream().noneMatch(key -> key.severity() == Severity.ERROR);
  }

  /** All findings in the order they were first made. */
  public List<Finding> list() {
    List<Finding> list = new ArrayList<>();
    found.forEach((key, consumers) -> {
      Violation violation = key.violation();
      list.add(
          new Finding(
              key.severity(),
              consumers,
              violation.what(),
              key.where(),
              key.expected(),
              key.found(),
              violation.why(),
              violation.remedy()));
    });
    return List.copyOf(list);
  }
}
