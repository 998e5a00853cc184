package org.modelopt.export.hf;

import java.util.Collection;
import java.util.List;
import java.util.TreeSet;

/**
 * The shortest list of patterns that names unquantized modules and no quantized one.
 *
 * <p>For each unquantized module its dotted prefixes are tried from short to long: {@code prefix*}
 * if no quantized name starts with the prefix, else {@code prefix.*} if none lies under it, else
 * the whole name. Source: the reference's unified export.
 */
public final class ExcludedModules {
  private ExcludedModules() {}

  /** Patterns for {@code unquantized}, sorted, without repetition. */
  public static List<String> patterns(
      Collection<String> unquantized, Collection<String> quantized) {
    TreeSet<String> patterns = new TreeSet<>();
    for (String name : unquantized) {
      patterns.add(pattern(name, quantized));
    }
    return List.copyOf(patterns);
  }

  private static String pattern(String name, Collection<String> quantized) {
    for (int dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
      String prefix = name.substring(0, dot);
      if (quantized.stream().noneMatch(other -> other.startsWith(prefix))) {
        return prefix + "*";
      }
      if (quantized.stream()
          .noneMatch(other -> other.equals(prefix) || other.startsWith(prefix + "."))) {
        return prefix + ".*";
      }
    }
    return name;
  }
}
