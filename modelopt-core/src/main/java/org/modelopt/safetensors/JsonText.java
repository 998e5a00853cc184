package org.modelopt.safetensors;

import java.util.Comparator;

/** JSON strings, character by character as two reference writers spell them. */
final class JsonText {
  /** Orders strings by code point: the order of UTF-8 bytes, which Java's own order is not. */
  static final Comparator<String> CODE_POINT_ORDER = JsonText::compareCodePoints;

  private static final int LONGEST_QUOTE = 200;

  private JsonText() {}

  /**
   * Appends {@code text} quoted as serde_json does: only quotes, backslashes and control characters
   * below U+0020 are escaped.
   */
  static void appendQuoted(StringBuilder out, String text) {
    append(out, text, false);
  }

  /**
   * Appends {@code text} quoted as Python's json module does by default: everything outside
   * printable ASCII is escaped too.
   */
  static void appendAsciiQuoted(StringBuilder out, String text) {
    append(out, text, true);
  }

  /** {@code text} quoted and cut for a message: names come from files and may hold anything. */
  static String quote(String text) {
    StringBuilder out = new StringBuilder();
    if (text.length() <= LONGEST_QUOTE) {
      append(out, text, false);
      return out.toString();
    }
    append(out, text.substring(0, LONGEST_QUOTE), false);
    return out.append("... (").append(text.length()).append(" characters)").toString();
  }

  private static void append(StringBuilder out, String text, boolean asciiOnly) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ' || (asciiOnly && c > '~')) {
            appendEscape(out, c);
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  private static void appendEscape(StringBuilder out, char c) {
    out.append("\\u");
    for (int shift = 12; shift >= 0; shift -= 4) {
      out.append(Character.forDigit((c >> shift) & 0xF, 16));
    }
  }

  /** Whether every surrogate of {@code text} is half of a pair, so that it has a UTF-8 form. */
  static boolean isWellFormed(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)) {
        i++;
        if (i == text.length() || !Character.isLowSurrogate(text.charAt(i))) {
          return false;
        }
      } else if (Character.isLowSurrogate(c)) {
        return false;
      }
    }
    return true;
  }

  private static int compareCodePoints(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        // Only surrogates stand in another order as UTF-16 than as code points: above all others.
        return Character.isSurrogate(x) == Character.isSurrogate(y)
            ? Character.compare(x, y)
            : Boolean.compare(Character.isSurrogate(x), Character.isSurrogate(y));
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
