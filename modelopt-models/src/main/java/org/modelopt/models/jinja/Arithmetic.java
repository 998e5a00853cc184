package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.List;

/** Operators between two values. */
final class Arithmetic {
  private static final int LONGEST_TEXT = 10_000_000;

  private Arithmetic() {}

  static Object binary(String operator, Object left, Object right) {
    if (left instanceof Undefined undefined && !operator.equals("~")) {
      throw undefined.failure();
    }
    if (right instanceof Undefined undefined && !operator.equals("~")) {
      throw undefined.failure();
    }
    if (operator.equals("~")) {
      return bounded(Values.text(left), Values.text(right));
    }
    if (operator.equals("+") && left instanceof String a && right instanceof String b) {
      return bounded(a, b);
    }
    if (operator.equals("+") && left instanceof List<?> a && right instanceof List<?> b) {
      List<Object> both = new ArrayList<>(a);
      both.addAll(b);
      return both;
    }
    if (operator.equals("*") && left instanceof String text && right instanceof Long times) {
      long count = Math.max(0, times);
      if (count * text.length() > LONGEST_TEXT) {
        throw new TemplateException("a text grows beyond %,d characters".formatted(LONGEST_TEXT));
      }
      return text.repeat((int) count);
    }
    if (Values.isNumber(left) && Values.isNumber(right)) {
      return arithmetic(operator, left, right);
    }
    throw new TemplateException(
        "%s %s %s is not possible"
            .formatted(Values.typeName(left), operator, Values.typeName(right)));
  }

  private static String bounded(String left, String right) {
    if (left.length() + (long) right.length() > LONGEST_TEXT) {
      throw new TemplateException("a text grows beyond %,d characters".formatted(LONGEST_TEXT));
    }
    return left + right;
  }

  private static Object arithmetic(String operator, Object left, Object right) {
    try {
      if (operator.equals("/")) {
        if (Values.asDouble(right) == 0) {
          throw new ArithmeticException("division by zero");
        }
        return Values.asDouble(left) / Values.asDouble(right);
      }
      boolean whole = !Values.anyReal(left, right);
      return whole
          ? wholeArithmetic(operator, Values.asLong(left), Values.asLong(right))
          : (Object) realArithmetic(operator, Values.asDouble(left), Values.asDouble(right));
    } catch (ArithmeticException e) {
      throw new TemplateException(
          "%s %s %s: %s"
              .formatted(Values.text(left), operator, Values.text(right), e.getMessage()));
    }
  }

  private static Object wholeArithmetic(String operator, long a, long b) {
    return switch (operator) {
      case "+" -> Math.addExact(a, b);
      case "-" -> Math.subtractExact(a, b);
      case "*" -> Math.multiplyExact(a, b);
      case "//" -> Math.floorDiv(a, b);
      case "%" -> Math.floorMod(a, b);
      default -> {
        if (b < 0) {
          yield Math.pow((double) a, (double) b);
        }
        long power = 1;
        for (long i = 0; i < b; i++) {
          long next = Math.multiplyExact(power, a);
          if (next == power) {
            break; // 0 and 1 stay what they are
          }
          power = next;
        }
        yield a == -1 ? (b % 2 == 0 ? 1L : -1L) : power;
      }
    };
  }

  private static double realArithmetic(String operator, double a, double b) {
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "//" -> Math.floor(a / b);
      case "%" -> a - b * Math.floor(a / b);
      default -> Math.pow(a, b);
    };
  }
}
