package org.modelopt.models.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The tests of {@code value is name(arguments)}. */
final class Checks {
  private Checks() {}

  static boolean holds(String name, Object value, List<Object> args) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value instanceof None;
      case "string" -> value instanceof String;
      case "number" -> Values.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> value.equals(true);
      case "false" -> value.equals(false);
      case "mapping" -> value instanceof Map;
      case "sequence" -> value instanceof List || value instanceof Map || value instanceof String;
      case "iterable" ->
          value instanceof List
              || value instanceof Map
              || value instanceof String
              || value instanceof Undefined;
      case "callable" -> value instanceof Callable;
      case "odd" -> Math.floorMod(Values.asLong(value), 2) == 1;
      case "even" -> Math.floorMod(Values.asLong(value), 2) == 0;
      case "divisibleby" -> Math.floorMod(Values.asLong(value), Values.asLong(arg(args))) == 0;
      case "upper" -> Values.text(value).equals(Values.text(value).toUpperCase(Locale.ROOT));
      case "lower" -> Values.text(value).equals(Values.text(value).toLowerCase(Locale.ROOT));
      case "in" -> Values.contains(arg(args), value);
      case "eq", "equalto", "==", "sameas" -> Values.equal(value, arg(args));
      case "ne", "!=" -> !Values.equal(value, arg(args));
      case "gt", "greaterthan", ">" -> Values.order(value, arg(args)) > 0;
      case "ge", ">=" -> Values.order(value, arg(args)) >= 0;
      case "lt", "lessthan", "<" -> Values.order(value, arg(args)) < 0;
      case "le", "<=" -> Values.order(value, arg(args)) <= 0;
      default -> throw new TemplateException("the test \"%s\" is not known".formatted(name));
    };
  }

  private static Object arg(List<Object> args) {
    if (args.isEmpty()) {
      throw new TemplateException("the test needs an argument");
    }
    return args.getFirst();
  }
}
