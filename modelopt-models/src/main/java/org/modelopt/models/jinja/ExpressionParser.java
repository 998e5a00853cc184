package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Parses expressions by recursive descent, with the precedence of Jinja. */
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", ">", "<=", ">=");

  /** Deeper nesting is an error, so that a template cannot overflow the stack. */
  private static final int DEEPEST = 100;

  private final Tokens tokens;
  private int depth;

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
  }

  /** An expression, or several with commas between, which make a tuple. */
  Expression tupleOrOne() {
    Expression first = expression();
    if (!tokens.peek().isOperator(",")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (tokens.acceptOperator(",") && startsExpression(tokens.peek())) {
      items.add(expression());
    }
    return new Expression.ListOf(List.copyOf(items));
  }

  Expression expression() {
    if (++depth > DEEPEST) {
      throw tokens.failure("expressions are nested too deeply");
    }
    Expression value = or();
    while (tokens.acceptName("if")) {
      Expression condition = or();
      Optional<Expression> otherwise =
          tokens.acceptName("else") ? Optional.of(expression()) : Optional.empty();
      value = new Expression.Conditional(condition, value, otherwise);
    }
    depth--;
    return value;
  }

  /** An expression without a trailing {@code if}, as in the head of a loop. */
  Expression withoutCondition() {
    return or();
  }

  private Expression or() {
    Expression left = and();
    while (tokens.acceptName("or")) {
      left = new Expression.Logical(false, left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.acceptName("and")) {
      left = new Expression.Logical(true, left, not());
    }
    return left;
  }

  private Expression not() {
    if (!tokens.acceptName("not")) {
      return comparison();
    }
    if (++depth > DEEPEST) {
      throw tokens.failure("expressions are nested too deeply");
    }
    Expression operand = not();
    depth--;
    return new Expression.Not(operand);
  }

  private Expression comparison() {
    int line = tokens.peek().line();
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      if (token.type() == Token.Type.OPERATOR && COMPARISONS.contains(token.text())) {
        operators.add(tokens.next().text());
      } else if (token.isName("in")) {
        operators.add(tokens.next().text());
      } else if (token.isName("not") && tokens.peek(1).isName("in")) {
        tokens.next();
        tokens.next();
        operators.add("not in");
      } else {
        break;
      }
      others.add(sum());
    }
    return operators.isEmpty()
        ? first
        : new Expression.Comparison(first, List.copyOf(operators), List.copyOf(others), line);
  }

  private Expression sum() {
    Expression left = concatenation();
    while (tokens.peek().isOperator("+") || tokens.peek().isOperator("-")) {
      Token operator = tokens.next();
      left = new Expression.Binary(operator.text(), left, concatenation(), operator.line());
    }
    return left;
  }

  private Expression concatenation() {
    Expression left = product();
    while (tokens.peek().isOperator("~")) {
      Token operator = tokens.next();
      left = new Expression.Binary("~", left, product(), operator.line());
    }
    return left;
  }

  private Expression product() {
    Expression left = power();
    while (tokens.peek().type() == Token.Type.OPERATOR
        && Set.of("*", "/", "//", "%").contains(tokens.peek().text())) {
      Token operator = tokens.next();
      left = new Expression.Binary(operator.text(), left, power(), operator.line());
    }
    return left;
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.peek().isOperator("**")) {
      Token operator = tokens.next();
      left = new Expression.Binary("**", left, unary(true), operator.line());
    }
    return left;
  }

  private Expression unary(boolean filters) {
    Expression value;
    if (tokens.acceptOperator("-")) {
      value = new Expression.Negation(nestedUnary());
    } else if (tokens.acceptOperator("+")) {
      value = nestedUnary();
    } else {
      value = primary();
    }
    value = postfix(value);
    return filters ? filtersAndTests(value) : value;
  }

  private Expression nestedUnary() {
    if (++depth > DEEPEST) {
      throw tokens.failure("expressions are nested too deeply");
    }
    Expression value = unary(false);
    depth--;
    return value;
  }

  private Expression primary() {
    Token token = tokens.next();
    return switch (token.type()) {
      case NAME -> name(token);
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (tokens.peek().type() == Token.Type.STRING) {
          text.append(tokens.next().text());
        }
        yield new Expression.Literal(text.toString());
      }
      case INTEGER -> {
        try {
          yield new Expression.Literal(Long.parseLong(token.text()));
        } catch (NumberFormatException e) {
          throw new TemplateException(
              "line %d: %s is too large a number".formatted(token.line(), token.text()));
        }
      }
      case FLOAT -> new Expression.Literal(Double.parseDouble(token.text()));
      case OPERATOR -> bracketed(token);
      case TEXT, OPEN_OUTPUT, CLOSE_OUTPUT, OPEN_BLOCK, CLOSE_BLOCK, END ->
          throw tokens.failure("a value is missing before " + token.describe());
    };
  }

  private static Expression name(Token token) {
    return switch (token.text()) {
      case "true", "True" -> new Expression.Literal(true);
      case "false", "False" -> new Expression.Literal(false);
      case "none", "None" -> new Expression.Literal(None.NONE);
      default -> new Expression.Name(token.text());
    };
  }

  private Expression bracketed(Token open) {
    return switch (open.text()) {
      case "(" -> {
        if (tokens.acceptOperator(")")) {
          yield new Expression.ListOf(List.of());
        }
        Expression inner = tupleOrOne();
        tokens.expectOperator(")");
        yield inner;
      }
      case "[" -> {
        List<Expression> items = new ArrayList<>();
        while (!tokens.acceptOperator("]")) {
          items.add(expression());
          commaUnlessClosed("]");
        }
        yield new Expression.ListOf(List.copyOf(items));
      }
      case "{" -> {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.acceptOperator("}")) {
          keys.add(expression());
          tokens.expectOperator(":");
          values.add(expression());
          commaUnlessClosed("}");
        }
        yield new Expression.DictOf(List.copyOf(keys), List.copyOf(values));
      }
      default -> throw tokens.failure("a value is missing before " + open.describe());
    };
  }

  private void commaUnlessClosed(String close) {
    if (!tokens.peek().isOperator(close)) {
      tokens.expectOperator(",");
    }
  }

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      Token token = tokens.peek();
      if (token.isOperator(".")) {
        tokens.next();
        Token name = tokens.next();
        value =
            name.type() == Token.Type.INTEGER
                ? new Expression.Item(value, new Expression.Literal(Long.parseLong(name.text())))
                : new Expression.Attribute(value, tokens.nameOf(name));
      } else if (token.isOperator("[")) {
        tokens.next();
        value = subscript(value);
      } else if (token.isOperator("(")) {
        value = new Expression.Call(value, arguments(), token.line());
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression target) {
    Optional<Expression> start = sliceBound();
    if (!tokens.acceptOperator(":")) {
      Expression key =
          start.orElseThrow(() -> tokens.failure("an index is missing within the brackets"));
      tokens.expectOperator("]");
      return new Expression.Item(target, key);
    }
    Optional<Expression> stop = sliceBound();
    Optional<Expression> step = tokens.acceptOperator(":") ? sliceBound() : Optional.empty();
    tokens.expectOperator("]");
    return new Expression.Slice(target, start, stop, step);
  }

  private Optional<Expression> sliceBound() {
    Token token = tokens.peek();
    boolean none = token.isOperator(":") || token.isOperator("]");
    return none ? Optional.empty() : Optional.of(expression());
  }

  private Expression filtersAndTests(Expression start) {
    Expression value = start;
    while (true) {
      Token token = tokens.peek();
      if (token.isOperator("|")) {
        tokens.next();
        String name = tokens.name();
        Expression.Arguments arguments =
            tokens.peek().isOperator("(") ? arguments() : Expression.Arguments.NONE;
        value = new Expression.Filter(value, name, arguments, token.line());
      } else if (token.isName("is")) {
        tokens.next();
        value = test(value, token.line());
      } else if (token.isOperator("(")) {
        value = new Expression.Call(value, arguments(), token.line());
      } else {
        return value;
      }
    }
  }

  private Expression test(Expression input, int line) {
    boolean negated = tokens.acceptName("not");
    String name = tokens.name();
    Expression.Arguments arguments = Expression.Arguments.NONE;
    Token next = tokens.peek();
    if (next.isOperator("(")) {
      arguments = arguments();
    } else if (startsExpression(next) && !Tokens.isWordOperator(next)) {
      Expression only = postfix(primary());
      arguments = new Expression.Arguments(List.of(only), Map.of());
    }
    Expression test = new Expression.Test(input, name, arguments, line);
    return negated ? new Expression.Not(test) : test;
  }

  private static boolean startsExpression(Token token) {
    return switch (token.type()) {
      case NAME, STRING, INTEGER, FLOAT -> true;
      case OPERATOR -> Set.of("(", "[", "{").contains(token.text());
      case TEXT, OPEN_OUTPUT, CLOSE_OUTPUT, OPEN_BLOCK, CLOSE_BLOCK, END -> false;
    };
  }

  private Expression.Arguments arguments() {
    tokens.expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!tokens.acceptOperator(")")) {
      if (tokens.peek().type() == Token.Type.NAME && tokens.peek(1).isOperator("=")) {
        String name = tokens.name();
        tokens.next();
        named.put(name, expression());
      } else {
        positional.add(expression());
      }
      commaUnlessClosed(")");
    }
    return new Expression.Arguments(List.copyOf(positional), named);
  }
}
