package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** The filters of {@code value | name(arguments)}. */
final class Filters {
  private Filters() {}

  static Object apply(String name, Object value, List<Object> args, Map<String, Object> named) {
    return switch (name) {
      case "trim" -> Methods.strip(text(value), args, true, true);
      case "upper" -> text(value).toUpperCase(Locale.ROOT);
      case "lower" -> text(value).toLowerCase(Locale.ROOT);
      case "capitalize" -> Methods.capitalize(text(value));
      case "title" -> Methods.title(text(value));
      case "string" -> text(value);
      case "safe" -> value;
      case "escape", "e" -> escaped(text(value));
      case "replace" ->
          Methods.replace(
              text(value),
              text(argument(args, named, 0, "old")),
              text(argument(args, named, 1, "new")),
              argument(args, named, 2, "count", -1L));
      case "indent" -> indented(text(value), args, named);
      case "length", "count" -> length(value);
      case "list" -> Values.items(value);
      case "first" -> end(Values.items(value), true);
      case "last" -> end(Values.items(value), false);
      case "reverse" -> reversed(value);
      case "join" -> joined(value, args, named);
      case "unique" -> unique(Values.items(value));
      case "sort" -> sorted(value, args, named);
      case "min" -> extreme(Values.items(value), false);
      case "max" -> extreme(Values.items(value), true);
      case "sum" -> sum(value, named);
      case "items" -> value instanceof Undefined ? List.of() : Methods.entries(dict(value));
      case "dictsort" -> dictSorted(value);
      case "map" -> mapped(value, args, named);
      case "select" -> selected(value, predicate(args, 0), true);
      case "reject" -> selected(value, predicate(args, 0), false);
      case "selectattr" -> selected(value, attributePredicate(args), true);
      case "rejectattr" -> selected(value, attributePredicate(args), false);
      case "attr" -> Values.attribute(value, text(argument(args, named, 0, "name")));
      case "default", "d" -> defaulted(value, args, named);
      case "tojson" -> {
        Object indent = argument(args, named, 0, "indent", None.NONE);
        yield Json.write(value, indent instanceof None ? -1 : (int) Values.asLong(indent));
      }
      case "int" -> whole(value, args);
      case "float" -> real(value, args);
      case "abs" ->
          value instanceof Double d
              ? (Object) Math.abs(d)
              : (Object) Math.abs(Values.asLong(value));
      case "round" -> rounded(value, args, named);
      default -> throw new TemplateException("the filter \"%s\" is not known".formatted(name));
    };
  }

  private static String text(Object value) {
    return Values.text(value);
  }

  private static Object argument(
      List<Object> args, Map<String, Object> named, int index, String name) {
    Object value = argument(args, named, index, name, None.NONE);
    if (value instanceof None) {
      throw new TemplateException("the filter needs an argument \"%s\"".formatted(name));
    }
    return value;
  }

  private static Object argument(
      List<Object> args, Map<String, Object> named, int index, String name, Object absent) {
    return index < args.size() ? args.get(index) : named.getOrDefault(name, absent);
  }

  private static Object length(Object value) {
    return switch (value) {
      case String s -> (long) s.codePointCount(0, s.length());
      case List<?> list -> (long) list.size();
      case Map<?, ?> map -> (long) map.size();
      case Undefined undefined -> 0L;
      default -> throw new TemplateException(Values.typeName(value) + " has no length");
    };
  }

  private static Object end(List<Object> items, boolean first) {
    if (items.isEmpty()) {
      return new Undefined(first ? "the first of nothing" : "the last of nothing");
    }
    return first ? items.getFirst() : items.getLast();
  }

  private static Object reversed(Object value) {
    List<Object> items = new ArrayList<>(Values.items(value));
    Collections.reverse(items);
    return value instanceof String
        ? items.stream().map(Values::text).collect(Collectors.joining())
        : items;
  }

  private static String joined(Object value, List<Object> args, Map<String, Object> named) {
    Object attribute = argument(args, named, 1, "attribute", None.NONE);
    return Values.items(value).stream()
        .map(item -> attribute instanceof None ? item : Values.item(item, attribute))
        .map(Values::text)
        .collect(Collectors.joining(text(argument(args, named, 0, "d", ""))));
  }

  private static List<Object> unique(List<Object> items) {
    List<Object> seen = new ArrayList<>();
    for (Object item : items) {
      if (!Values.contains(seen, item)) {
        seen.add(item);
      }
    }
    return seen;
  }

  private static Object folded(Object value) {
    return value instanceof String s ? s.toLowerCase(Locale.ROOT) : value;
  }

  private static List<Object> sorted(Object value, List<Object> args, Map<String, Object> named) {
    Object attribute = argument(args, named, 2, "attribute", None.NONE);
    Comparator<Object> order =
        (a, b) -> {
          Object left = attribute instanceof None ? a : Values.item(a, attribute);
          Object right = attribute instanceof None ? b : Values.item(b, attribute);
          return Values.order(folded(left), folded(right));
        };
    List<Object> items = new ArrayList<>(Values.items(value));
    boolean reverse = Values.isTrue(argument(args, named, 0, "reverse", false));
    items.sort(reverse ? order.reversed() : order);
    return items;
  }

  private static Object extreme(List<Object> items, boolean largest) {
    Comparator<Object> order = (a, b) -> Values.order(folded(a), folded(b));
    return items.stream()
        .reduce((a, b) -> (largest ? order.compare(b, a) > 0 : order.compare(b, a) < 0) ? b : a)
        .orElseGet(() -> new Undefined("the extreme of nothing"));
  }

  private static Object sum(Object value, Map<String, Object> named) {
    Object attribute = named.getOrDefault("attribute", None.NONE);
    Object total = named.getOrDefault("start", 0L);
    for (Object item : Values.items(value)) {
      total =
          Arithmetic.binary(
              "+", total, attribute instanceof None ? item : Values.item(item, attribute));
    }
    return total;
  }

  private static Map<?, ?> dict(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map;
    }
    throw new TemplateException(Values.typeName(value) + " where a dictionary belongs");
  }

  private static List<Object> dictSorted(Object value) {
    List<Object> entries = Methods.entries(dict(value));
    entries.sort((a, b) -> Values.order(folded(Values.item(a, 0L)), folded(Values.item(b, 0L))));
    return entries;
  }

  private static List<Object> mapped(Object value, List<Object> args, Map<String, Object> named) {
    List<Object> items = Values.items(value);
    Object attribute = named.get("attribute");
    List<Object> results = new ArrayList<>();
    for (Object item : items) {
      if (attribute != null) {
        Object result = Values.item(item, attribute);
        results.add(result instanceof Undefined ? named.getOrDefault("default", result) : result);
      } else {
        results.add(
            apply(
                text(argument(args, named, 0, "name")), item, args.subList(1, args.size()), named));
      }
    }
    return results;
  }

  private static Predicate<Object> predicate(List<Object> args, int index) {
    if (index >= args.size()) {
      return Values::isTrue;
    }
    String test = text(args.get(index));
    List<Object> rest = args.subList(index + 1, args.size());
    return item -> Checks.holds(test, item, rest);
  }

  private static Predicate<Object> attributePredicate(List<Object> args) {
    if (args.isEmpty()) {
      throw new TemplateException("the filter needs the name of an attribute");
    }
    Predicate<Object> test = predicate(args, 1);
    return item -> test.test(Values.item(item, args.getFirst()));
  }

  private static List<Object> selected(Object value, Predicate<Object> test, boolean kept) {
    return Values.items(value).stream()
        .filter(item -> test.test(item) == kept)
        .collect(Collectors.toList());
  }

  private static Object defaulted(Object value, List<Object> args, Map<String, Object> named) {
    boolean falseToo = Values.isTrue(argument(args, named, 1, "boolean", false));
    boolean absent = value instanceof Undefined || (falseToo && !Values.isTrue(value));
    return absent ? argument(args, named, 0, "default_value", "") : value;
  }

  private static String indented(String text, List<Object> args, Map<String, Object> named) {
    Object width = argument(args, named, 0, "width", 4L);
    String margin = width instanceof String s ? s : " ".repeat((int) Values.asLong(width));
    boolean first = Values.isTrue(argument(args, named, 1, "first", false));
    boolean blank = Values.isTrue(argument(args, named, 2, "blank", false));
    String[] lines = text.split("\n", -1);
    StringBuilder result = new StringBuilder();
    for (int i = 0; i < lines.length; i++) {
      boolean here = i == 0 ? first : blank || !lines[i].isEmpty();
      result.append(i == 0 ? "" : "\n").append(here ? margin : "").append(lines[i]);
    }
    return result.toString();
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  private static Object whole(Object value, List<Object> args) {
    try {
      return value instanceof String s
          ? (Object) (long) Double.parseDouble(s.strip())
          : (Object) Values.asLong(value);
    } catch (NumberFormatException | TemplateException e) {
      return args.isEmpty() ? 0L : args.getFirst();
    }
  }

  private static Object real(Object value, List<Object> args) {
    try {
      return value instanceof String s ? Double.parseDouble(s.strip()) : Values.asDouble(value);
    } catch (NumberFormatException | TemplateException e) {
      return args.isEmpty() ? 0.0 : args.getFirst();
    }
  }

  private static Object rounded(Object value, List<Object> args, Map<String, Object> named) {
    double scale = Math.pow(10, (double) Values.asLong(argument(args, named, 0, "precision", 0L)));
    double number = Values.asDouble(value) * scale;
    double result =
        switch (text(argument(args, named, 1, "method", "common"))) {
          case "floor" -> Math.floor(number);
          case "ceil" -> Math.ceil(number);
          default -> Math.rint(number);
        };
    return result / scale;
  }
}
