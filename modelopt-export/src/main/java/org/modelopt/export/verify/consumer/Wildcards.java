package org.modelopt.export.verify.consumer;

import java.util.Arrays;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;

/** Pattern languages of exclusion lists. */
final class Wildcards {
  private Wildcards() {}

  /**
   * A shell pattern as Python's {@code fnmatch.fnmatchcase} reads it, for the whole text: {@code *}
   * any run of characters (dots too), {@code ?} one, {@code [abc]} and {@code [!abc]} one of a set.
   */
  static Pattern shell(String pattern) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      int close = c == '[' ? closingBracket(pattern, i) : -1;
      if (c == '*') {
        regex.append(".*");
      } else if (c == '?') {
        regex.append('.');
      } else if (close > 0) {
        String set =
            pattern
                .substring(i + 1, close)
                .replace("\\", "\\\\")
                .replace("[", "\\[")
                .replace("&", "\\&");
        regex
            .append('[')
            .append(set.startsWith("!") ? "^" + set.substring(1) : escapeCaret(set))
            .append(']');
        i = close;
      } else {
        regex.append(Pattern.quote(String.valueOf(c)));
      }
    }
    return compile(regex.toString(), pattern);
  }

  private static int closingBracket(String pattern, int open) {
    int from = open + 1;
    if (from < pattern.length() && pattern.charAt(from) == '!') {
      from++;
    }
    // A bracket right after the opening one is a member of the set.
    return from < pattern.length() ? pattern.indexOf(']', from + 1) : -1;
  }

  private static String escapeCaret(String set) {
    return set.startsWith("^") ? "\\" + set : set;
  }

  /** A text in which only {@code *} is special, for the whole text. */
  static Pattern starsOnly(String pattern) {
    String regex =
        Arrays.stream(pattern.split("\\*", -1))
            .map(Pattern::quote)
            .collect(Collectors.joining(".*"));
    return compile(regex, pattern);
  }

  /** A regular expression; one that does not compile matches only its own text. */
  static Pattern regex(String pattern) {
    return compile(pattern, pattern);
  }

  private static Pattern compile(String regex, String literal) {
    try {
      return Pattern.compile(regex, Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      return Pattern.compile(Pattern.quote(literal));
    }
  }
}
