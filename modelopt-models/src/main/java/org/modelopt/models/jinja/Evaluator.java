package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Values of expressions. */
final class Evaluator {
  private Evaluator() {}

  static Object value(Expression expression, Variables variables) {
    return switch (expression) {
      case Expression.Literal literal -> literal.value();
      case Expression.Name name ->
          variables.get(name.name()).orElseGet(() -> new Undefined(name.name()));
      case Expression.ListOf list -> values(list.items(), variables);
      case Expression.DictOf dict -> {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < dict.keys().size(); i++) {
          map.put(value(dict.keys().get(i), variables), value(dict.values().get(i), variables));
        }
        yield map;
      }
      case Expression.Attribute attribute ->
          Values.attribute(value(attribute.target(), variables), attribute.name());
      case Expression.Item item ->
          Values.item(value(item.target(), variables), value(item.key(), variables));
      case Expression.Slice slice ->
          Values.slice(
              value(slice.target(), variables),
              bound(slice.start(), variables),
              bound(slice.stop(), variables),
              bound(slice.step(), variables));
      case Expression.Call call -> call(call, variables);
      case Expression.Filter filter -> {
        Object input = value(filter.input(), variables);
        yield Filters.apply(
            filter.name(),
            input,
            values(filter.arguments().positional(), variables),
            named(filter.arguments(), variables));
      }
      case Expression.Test test ->
          Checks.holds(
              test.name(),
              value(test.input(), variables),
              values(test.arguments().positional(), variables));
      case Expression.Not not -> !Values.isTrue(value(not.operand(), variables));
      case Expression.Negation negation -> negated(value(negation.operand(), variables));
      case Expression.Logical logical -> {
        Object left = value(logical.left(), variables);
        yield Values.isTrue(left) == logical.and() ? value(logical.right(), variables) : left;
      }
      case Expression.Binary binary ->
          Arithmetic.binary(
              binary.operator(), value(binary.left(), variables), value(binary.right(), variables));
      case Expression.Comparison comparison -> compared(comparison, variables);
      case Expression.Conditional conditional -> {
        if (Values.isTrue(value(conditional.condition(), variables))) {
          yield value(conditional.then(), variables);
        }
        yield conditional.otherwise().isPresent()
            ? value(conditional.otherwise().get(), variables)
            : new Undefined("a conditional without else");
      }
    };
  }

  private static Object bound(Optional<Expression> expression, Variables variables) {
    return expression.isPresent() ? value(expression.get(), variables) : None.NONE;
  }

  private static List<Object> values(List<Expression> expressions, Variables variables) {
    List<Object> values = new ArrayList<>();
    expressions.forEach(expression -> values.add(value(expression, variables)));
    return values;
  }

  private static Map<String, Object> named(Expression.Arguments arguments, Variables variables) {
    Map<String, Object> values = new LinkedHashMap<>();
    arguments.named().forEach((name, expression) -> values.put(name, value(expression, variables)));
    return values;
  }

  private static Object call(Expression.Call call, Variables variables) {
    Object target = value(call.target(), variables);
    if (target instanceof Callable callable) {
      return callable.call(
          values(call.arguments().positional(), variables), named(call.arguments(), variables));
    }
    throw target instanceof Undefined undefined
        ? undefined.failure()
        : new TemplateException(Values.typeName(target) + " cannot be called");
  }

  private static Object negated(Object operand) {
    return operand instanceof Double number
        ? (Object) (-number)
        : (Object) (-Values.asLong(operand));
  }

  private static boolean compared(Expression.Comparison comparison, Variables variables) {
    Object left = value(comparison.first(), variables);
    for (int i = 0; i < comparison.operators().size(); i++) {
      Object right = value(comparison.others().get(i), variables);
      if (!compared(comparison.operators().get(i), left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private static boolean compared(String operator, Object left, Object right) {
    return switch (operator) {
      case "==" -> Values.equal(left, right);
      case "!=" -> !Values.equal(left, right);
      case "in" -> Values.contains(right, left);
      case "not in" -> !Values.contains(right, left);
      case "<" -> Values.order(left, right) < 0;
      case "<=" -> Values.order(left, right) <= 0;
      case ">" -> Values.order(left, right) > 0;
      default -> Values.order(left, right) >= 0;
    };
  }
}
