package org.modelopt.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Finds names that a mistyped one was probably meant to be. */
public final class Nearest {
  private static final int SUGGESTIONS = 3;

  private Nearest() {}

  /** The name with the fewest edits from {@code typed}, if they are fewer than half its length. */
  static Optional<String> of(String typed, Collection<String> names) {
    return names.stream()
        .min(Comparator.comparingInt(name -> distance(typed, name)))
        .filter(name -> distance(typed, name) <= Math.max(1, name.length() / 2));
  }

  /** A sentence part that suggests the nearest of {@code names} or lists all of them. */
  public static String suggestion(String typed, Collection<String> names) {
    String all = String.join(", ", names);
    return of(typed, names)
        .map(name -> "did you mean \"%s\"? Allowed: %s".formatted(name, all))
        .orElse("allowed: " + all);
  }

  /**
   * The modules whose name, or whose last parts, come nearest to the literal text of {@code
   * pattern}.
   */
  static String modules(String pattern, List<String> modules) {
    String literal = pattern.replaceAll("[*?\\[\\]!]", "").replaceAll("^\\.+|\\.+$", "");
    return modules.stream()
        .sorted(Comparator.comparingInt(module -> suffixDistance(literal, module)))
        .limit(SUGGESTIONS)
        .collect(Collectors.joining(", "));
  }

  private static int suffixDistance(String literal, String module) {
    int best = distance(literal, module);
    for (int dot = module.indexOf('.'); dot >= 0; dot = module.indexOf('.', dot + 1)) {
      best = Math.min(best, distance(literal, module.substring(dot + 1)));
    }
    return best;
  }

  /** Levenshtein distance: insertions, deletions and replacements of characters. */
  static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
