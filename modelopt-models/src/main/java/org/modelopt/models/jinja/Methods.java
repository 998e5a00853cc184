package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The methods of strings, lists and dictionaries that change nothing. */
final class Methods {
  private Methods() {}

  /** The method of a string, or null if there is none of that name. */
  static @Nullable Callable ofText(String s, String name) {
    return switch (name) {
      case "strip" -> (args, named) -> strip(s, args, true, true);
      case "lstrip" -> (args, named) -> strip(s, args, true, false);
      case "rstrip" -> (args, named) -> strip(s, args, false, true);
      case "split" -> (args, named) -> split(s, args, named, false);
      case "rsplit" -> (args, named) -> split(s, args, named, true);
      case "splitlines" -> (args, named) -> List.copyOf(s.lines().toList());
      case "startswith" -> (args, named) -> anyOf(args, s::startsWith);
      case "endswith" -> (args, named) -> anyOf(args, s::endsWith);
      case "removeprefix" ->
          (args, named) -> {
            String prefix = text(args, 0);
            return s.startsWith(prefix) ? s.substring(prefix.length()) : s;
          };
      case "removesuffix" ->
          (args, named) -> {
            String suffix = text(args, 0);
            return s.endsWith(suffix) ? s.substring(0, s.length() - suffix.length()) : s;
          };
      case "replace" ->
          (args, named) ->
              replace(s, text(args, 0), text(args, 1), args.size() > 2 ? args.get(2) : -1L);
      case "upper" -> (args, named) -> s.toUpperCase(Locale.ROOT);
      case "lower" -> (args, named) -> s.toLowerCase(Locale.ROOT);
      case "title" -> (args, named) -> title(s);
      case "capitalize" -> (args, named) -> capitalize(s);
      case "find" -> (args, named) -> position(s, s.indexOf(text(args, 0)));
      case "rfind" -> (args, named) -> position(s, s.lastIndexOf(text(args, 0)));
      case "count" -> (args, named) -> count(s, text(args, 0));
      case "join" ->
          (args, named) ->
              Values.items(only(args)).stream().map(Values::text).collect(Collectors.joining(s));
      case "isdigit" -> (args, named) -> all(s, Character::isDigit);
      case "isalpha" -> (args, named) -> all(s, Character::isLetter);
      case "isalnum" -> (args, named) -> all(s, Character::isLetterOrDigit);
      case "isspace" -> (args, named) -> all(s, Character::isWhitespace);
      case "isupper" -> (args, named) -> s.equals(s.toUpperCase(Locale.ROOT)) && hasCase(s);
      case "islower" -> (args, named) -> s.equals(s.toLowerCase(Locale.ROOT)) && hasCase(s);
      default -> null;
    };
  }

  /** The method of a list, or null if there is none of that name. */
  static @Nullable Callable ofList(List<?> list, String name) {
    return switch (name) {
      case "index" ->
          (args, named) -> {
            for (int i = 0; i < list.size(); i++) {
              if (Values.equal(list.get(i), only(args))) {
                return (long) i;
              }
            }
            throw new TemplateException(Values.representation(only(args)) + " is not in the list");
          };
      case "count" ->
          (args, named) ->
              list.stream().filter(item -> Values.equal((Object) item, only(args))).count();
      default -> null;
    };
  }

  /** The method of a dictionary, or null if there is none of that name. */
  static @Nullable Callable ofDict(Map<?, ?> map, String name) {
    return switch (name) {
      case "items" -> (args, named) -> entries(map);
      case "keys" -> (args, named) -> List.copyOf(map.keySet());
      case "values" -> (args, named) -> List.copyOf(map.values());
      case "get" ->
          (args, named) -> {
            Object value = map.get(args.isEmpty() ? None.NONE : args.getFirst());
            return value != null ? value : args.size() > 1 ? args.get(1) : None.NONE;
          };
      default -> null;
    };
  }

  static List<Object> entries(Map<?, ?> map) {
    List<Object> entries = new ArrayList<>();
    map.forEach((key, value) -> entries.add(List.of(key, value)));
    return entries;
  }

  static String title(String s) {
    StringBuilder text = new StringBuilder();
    boolean within = false;
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      text.append(within ? Character.toLowerCase(c) : Character.toUpperCase(c));
      within = Character.isLetter(c);
    }
    return text.toString();
  }

  static String capitalize(String s) {
    return s.isEmpty()
        ? s
        : s.substring(0, 1).toUpperCase(Locale.ROOT) + s.substring(1).toLowerCase(Locale.ROOT);
  }

  static String replace(String s, String from, String to, Object most) {
    long left = most instanceof None ? -1 : Values.asLong(most);
    if (left < 0) {
      return s.replace(from, to);
    }
    StringBuilder text = new StringBuilder();
    int at = 0;
    int found = s.indexOf(from);
    while (found >= 0 && left-- > 0 && !from.isEmpty()) {
      text.append(s, at, found).append(to);
      at = found + from.length();
      found = s.indexOf(from, at);
    }
    return text.append(s.substring(at)).toString();
  }

  /** Without the characters of the argument, or white space if there is none, at either end. */
  static String strip(String s, List<Object> args, boolean left, boolean right) {
    boolean blanks = args.isEmpty() || args.getFirst() instanceof None;
    String set = blanks ? "" : text(args, 0);
    IntPredicate drop = blanks ? Methods::isBlank : c -> set.indexOf(c) >= 0;
    int from = 0;
    int to = s.length();
    while (left && from < to && drop.test(s.charAt(from))) {
      from++;
    }
    while (right && to > from && drop.test(s.charAt(to - 1))) {
      to--;
    }
    return s.substring(from, to);
  }

  private static boolean isBlank(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }

  private static Object split(
      String s, List<Object> args, Map<String, Object> named, boolean fromEnd) {
    Object separator = args.isEmpty() ? named.getOrDefault("sep", None.NONE) : args.getFirst();
    long most = Values.asLong(args.size() > 1 ? args.get(1) : named.getOrDefault("maxsplit", -1L));
    if (separator instanceof None) {
      return splitAtBlanks(s, most);
    }
    String by = Values.text(separator);
    if (by.isEmpty()) {
      throw new TemplateException("split by an empty separator is not possible");
    }
    List<Object> parts = new ArrayList<>();
    String rest = s;
    int at = fromEnd ? rest.lastIndexOf(by) : rest.indexOf(by);
    while (at >= 0 && (most < 0 || parts.size() < most)) {
      String before = rest.substring(0, at);
      String after = rest.substring(at + by.length());
      if (fromEnd) {
        parts.addFirst(after);
        rest = before;
        at = rest.lastIndexOf(by);
      } else {
        parts.add(before);
        rest = after;
        at = rest.indexOf(by);
      }
    }
    if (fromEnd) {
      parts.addFirst(rest);
    } else {
      parts.add(rest);
    }
    return parts;
  }

  private static List<Object> splitAtBlanks(String s, long most) {
    List<Object> parts = new ArrayList<>();
    String rest = s.strip();
    while (!rest.isEmpty()) {
      int end = 0;
      while (end < rest.length() && !Character.isWhitespace(rest.charAt(end))) {
        end++;
      }
      if (end == rest.length() || (most >= 0 && parts.size() >= most)) {
        parts.add(rest);
        break;
      }
      parts.add(rest.substring(0, end));
      rest = rest.substring(end).stripLeading();
    }
    return parts;
  }

  private static boolean anyOf(List<Object> args, java.util.function.Predicate<String> test) {
    Object argument = only(args);
    return argument instanceof List<?> several
        ? several.stream().anyMatch(one -> test.test(Values.text((Object) one)))
        : test.test(text(args, 0));
  }

  private static long position(String s, int index) {
    return index < 0 ? -1 : s.codePointCount(0, index);
  }

  private static long count(String s, String part) {
    long count = 0;
    int at = part.isEmpty() ? -1 : s.indexOf(part);
    while (at >= 0) {
      count++;
      at = s.indexOf(part, at + part.length());
    }
    return count;
  }

  private static boolean all(String s, IntPredicate test) {
    return !s.isEmpty() && s.codePoints().allMatch(test);
  }

  private static boolean hasCase(String s) {
    return !s.toUpperCase(Locale.ROOT).equals(s.toLowerCase(Locale.ROOT));
  }

  private static Object only(List<Object> args) {
    if (args.isEmpty()) {
      throw new TemplateException("an argument is missing");
    }
    return args.getFirst();
  }

  private static String text(List<Object> args, int index) {
    if (index < args.size() && args.get(index) instanceof String text) {
      return text;
    }
    throw new TemplateException(
        index < args.size()
            ? Values.typeName(args.get(index)) + " where a string belongs"
            : "an argument is missing");
  }
}
