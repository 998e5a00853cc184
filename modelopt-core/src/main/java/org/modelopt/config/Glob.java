package org.modelopt.config;

import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.modelopt.error.ConfigException;

/** Shell-style patterns over whole module names, as Python's {@code fnmatch.fnmatchcase}. */
public final class Glob {
  private Glob() {}

  /**
   * A test of whole names against {@code pattern}: {@code *} any text, {@code ?} one character,
   * {@code [abc]}, {@code [a-z]}, {@code [!abc]} one of or none of these.
   *
   * @throws ConfigException if a bracket expression is malformed
   */
  public static Predicate<String> of(String pattern) {
    StringBuilder regex = new StringBuilder();
    int i = 0;
    while (i < pattern.length()) {
      char c = pattern.charAt(i);
      int close = c == '[' ? pattern.indexOf(']', i + 2) : -1;
      if (c == '*') {
        regex.append(".*");
      } else if (c == '?') {
        regex.append('.');
      } else if (close > 0) {
        String set = pattern.substring(i + 1, close).replace("\\", "\\\\").replace("[", "\\[");
        regex.append('[').append(set.startsWith("!") ? "^" + set.substring(1) : set).append(']');
        i = close;
      } else {
        regex.append(Pattern.quote(String.valueOf(c)));
      }
      i++;
    }
    try {
      return Pattern.compile(regex.toString(), Pattern.DOTALL).asMatchPredicate();
    } catch (PatternSyntaxException e) {
      throw new ConfigException(
          "\"" + pattern + "\" is not a module pattern: " + e.getDescription(), e);
    }
  }
}
