package org.modelopt.models.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What values are and how they behave, as in Python: {@link String}, {@link Long}, {@link Double},
 * {@link Boolean}, {@link None}, lists (tuples too), dictionaries, and what only templates make.
 */
final class Values {
  /** As in Jinja's sandbox. */
  static final int LONGEST_RANGE = 100_000;

  private Values() {}

  /** The value for an object of an application. */
  static Object of(@Nullable Object object) {
    return switch (object) {
      case null -> None.NONE;
      case Integer number -> number.longValue();
      case Float number -> number.doubleValue();
      case Map<?, ?> map -> {
        Map<Object, Object> copy = new LinkedHashMap<>();
        map.forEach((key, value) -> copy.put(of(key), of(value)));
        yield copy;
      }
      case List<?> list -> list.stream().map(Values::of).collect(Collectors.toList());
      case Template.Function function ->
          (Callable) (positional, named) -> of(function.call(positional));
      default -> object;
    };
  }

  static boolean isTrue(Object value) {
    return switch (value) {
      case Boolean b -> b;
      case Long n -> n != 0;
      case Double n -> n != 0;
      case String s -> !s.isEmpty();
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case None none -> false;
      case Undefined undefined -> false;
      default -> true;
    };
  }

  /** What an output of the value writes: Python's {@code str}. */
  static String text(Object value) {
    return switch (value) {
      case String s -> s;
      case Undefined undefined -> "";
      default -> representation(value);
    };
  }

  /** Python's {@code repr}. */
  static String representation(Object value) {
    return switch (value) {
      case String s -> quoted(s);
      case Boolean b -> b ? "True" : "False";
      case None none -> "None";
      case Double number -> decimal(number);
      case List<?> list ->
          list.stream()
              .map(item -> representation((Object) item))
              .collect(Collectors.joining(", ", "[", "]"));
      case Map<?, ?> map ->
          map.entrySet().stream()
              .map(e ->
                  representation((Object) e.getKey())
                      + ": "
                      + representation((Object) e.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      case Undefined undefined -> "Undefined";
      case Long number -> number.toString();
      default -> "<" + typeName(value) + ">";
    };
  }

  private static String quoted(String s) {
    char quote = s.contains("'") && !s.contains("\"") ? '"' : '\'';
    StringBuilder text = new StringBuilder().append(quote);
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        case '\\' -> text.append("\\\\");
        default -> text.append(c == quote ? "\\" : "").append(c);
      }
    }
    return text.append(quote).toString();
  }

  /** A float as Python writes it: the shortest digits that give it back. */
  static String decimal(double number) {
    if (Double.isNaN(number)) {
      return "nan";
    }
    if (Double.isInfinite(number)) {
      return number > 0 ? "inf" : "-inf";
    }
    double magnitude = Math.abs(number);
    if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16)) {
      String plain = new BigDecimal(Double.toString(number)).toPlainString();
      return (number == 0 && 1 / number < 0 ? "-0.0" : plain.contains(".") ? plain : plain + ".0");
    }
    String[] parts = Double.toString(number).split("E", 2);
    String digits =
        parts[0].endsWith(".0") ? parts[0].substring(0, parts[0].length() - 2) : parts[0];
    int exponent = Integer.parseInt(parts[1]);
    return "%se%s%02d".formatted(digits, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  static String typeName(Object value) {
    return switch (value) {
      case String s -> "string";
      case Boolean b -> "boolean";
      case Long n -> "integer";
      case Double n -> "float";
      case List<?> list -> "list";
      case Map<?, ?> map -> "dictionary";
      case None none -> "none";
      case Undefined undefined -> "undefined";
      case Namespace namespace -> "namespace";
      default -> "function";
    };
  }

  /** The items of something that can be iterated. */
  static List<Object> items(Object value) {
    return switch (value) {
      case List<?> list -> List.copyOf(list);
      case Map<?, ?> map -> List.copyOf(map.keySet());
      case String s -> s.codePoints().<Object>mapToObj(Character::toString).toList();
      case Undefined undefined -> List.of();
      default -> throw new TemplateException(typeName(value) + " cannot be iterated");
    };
  }

  static boolean equal(Object left, Object right) {
    if (isNumber(left) && isNumber(right)) {
      boolean same = asDouble(left) == asDouble(right);
      return same && (anyReal(left, right) || asLong(left) == asLong(right));
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      boolean same = a.size() == b.size();
      for (int i = 0; same && i < a.size(); i++) {
        same = equal(a.get(i), b.get(i));
      }
      return same;
    }
    return left instanceof Undefined ? right instanceof Undefined : left.equals(right);
  }

  /**
   * Less than, equal, greater than: negative, zero, positive.
   *
   * @throws TemplateException if the two have no order
   */
  static int order(Object left, Object right) {
    if (isNumber(left) && isNumber(right)) {
      return anyReal(left, right)
          ? Double.compare(asDouble(left), asDouble(right))
          : Long.compare(asLong(left), asLong(right));
    }
    if (left instanceof String a && right instanceof String b) {
      return compareCodePoints(a, b);
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
        int order = order(a.get(i), b.get(i));
        if (order != 0) {
          return order;
        }
      }
      return Integer.compare(a.size(), b.size());
    }
    if (left instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (right instanceof Undefined undefined) {
      throw undefined.failure();
    }
    throw new TemplateException(
        "%s and %s cannot be compared".formatted(typeName(left), typeName(right)));
  }

  private static int compareCodePoints(String a, String b) {
    return Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());
  }

  static boolean contains(Object container, Object item) {
    return switch (container) {
      case String s -> {
        if (item instanceof String part) {
          yield s.contains(part);
        }
        throw new TemplateException("a string contains strings, not " + typeName(item));
      }
      case Map<?, ?> map -> map.containsKey(item);
      case List<?> list -> list.stream().anyMatch(member -> equal((Object) member, item));
      case Undefined undefined -> false;
      default -> throw new TemplateException(typeName(container) + " contains nothing");
    };
  }

  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  /** Whether one of two numbers is a float, so that both are taken as floats. */
  static boolean anyReal(Object left, Object right) {
    return left instanceof Double || right instanceof Double;
  }

  static double asDouble(Object number) {
    return number instanceof Double d ? d : asLong(number);
  }

  static long asLong(Object number) {
    return switch (number) {
      case Long n -> n;
      case Boolean b -> b ? 1 : 0;
      case Double d -> d.longValue();
      default -> throw new TemplateException(typeName(number) + " where a number belongs");
    };
  }

  static Object attribute(Object target, String name) {
    return switch (target) {
      case Undefined undefined -> throw undefined.failure();
      case Namespace namespace -> namespace.get(name);
      case Map<?, ?> map -> {
        Callable method = Methods.ofDict(map, name);
        if (method != null) {
          yield method;
        }
        Object value = map.get(name);
        yield value == null ? new Undefined(name) : value;
      }
      case String s -> {
        Callable method = Methods.ofText(s, name);
        yield method == null ? new Undefined(name) : method;
      }
      case List<?> list -> {
        Callable method = Methods.ofList(list, name);
        yield method == null ? new Undefined(name) : method;
      }
      default -> new Undefined(name);
    };
  }

  static Object item(Object target, Object key) {
    return switch (target) {
      case Undefined undefined -> throw undefined.failure();
      case Map<?, ?> map when map.containsKey(key) -> Objects.requireNonNull(map.get(key));
      case List<?> list when key instanceof Long index -> {
        long i = index < 0 ? index + list.size() : index;
        yield i < 0 || i >= list.size() ? new Undefined(text(key)) : list.get((int) i);
      }
      case String s when key instanceof Long index -> {
        int[] points = s.codePoints().toArray();
        long i = index < 0 ? index + points.length : index;
        yield i < 0 || i >= points.length
            ? new Undefined(text(key))
            : Character.toString(points[(int) i]);
      }
      default -> key instanceof String name ? attribute(target, name) : new Undefined(text(key));
    };
  }

  /** {@code target[start:stop:step]}; a bound that is None is left out. */
  static Object slice(Object target, Object start, Object stop, Object step) {
    List<Object> items =
        switch (target) {
          case List<?> list -> List.copyOf(list);
          case String s -> items(s);
          case Undefined undefined -> throw undefined.failure();
          default -> throw new TemplateException(typeName(target) + " cannot be sliced");
        };
    long by = step instanceof None ? 1 : asLong(step);
    if (by == 0) {
      throw new TemplateException("a slice step of 0 leads nowhere");
    }
    int size = items.size();
    long from = bound(start, by > 0 ? 0 : size - 1, size, by);
    long to = bound(stop, by > 0 ? size : -1, size, by);
    List<Object> taken = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      taken.add(items.get((int) i));
    }
    return target instanceof String
        ? taken.stream().map(Values::text).collect(Collectors.joining())
        : taken;
  }

  private static long bound(Object value, long absent, int size, long step) {
    if (value instanceof None) {
      return absent;
    }
    long index = asLong(value);
    long positive = index < 0 ? index + size : index;
    return Math.clamp(positive, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
  }
}
