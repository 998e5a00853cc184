package org.modelopt.export.verify.ranks;

import java.util.regex.Pattern;

/** Shell patterns for whole names. */
final class Globs {
  private Globs() {}

  static boolean matches(String pattern, String name) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      regex.append(c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(String.valueOf(c)));
    }
    return name.matches(regex.toString());
  }
}
