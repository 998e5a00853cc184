package org.modelopt.models.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What stands for a value. */
sealed interface Expression {
  /** A value written down. */
  record Literal(Object value) implements Expression {}

  /** A variable. */
  record Name(String name) implements Expression {}

  /** A list or tuple. */
  record ListOf(List<Expression> items) implements Expression {}

  /** A dictionary. */
  record DictOf(List<Expression> keys, List<Expression> values) implements Expression {}

  /** {@code target.name}. */
  record Attribute(Expression target, String name) implements Expression {}

  /** {@code target[key]}. */
  record Item(Expression target, Expression key) implements Expression {}

  /** {@code target[start:stop:step]}. */
  record Slice(
      Expression target,
      Optional<Expression> start,
      Optional<Expression> stop,
      Optional<Expression> step)
      implements Expression {}

  /** Positional and named arguments. */
  record Arguments(List<Expression> positional, Map<String, Expression> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());
  }

  /** {@code target(arguments)}. */
  record Call(Expression target, Arguments arguments, int line) implements Expression {}

  /** {@code input | name(arguments)}. */
  record Filter(Expression input, String name, Arguments arguments, int line)
      implements Expression {}

  /** {@code input is name(arguments)}. */
  record Test(Expression input, String name, Arguments arguments, int line) implements Expression {}

  /** {@code not operand}. */
  record Not(Expression operand) implements Expression {}

  /** {@code -operand}. */
  record Negation(Expression operand) implements Expression {}

  /** {@code left and right}, {@code left or right}: one of the two, as in Python. */
  record Logical(boolean and, Expression left, Expression right) implements Expression {}

  /** Arithmetic and concatenation. */
  record Binary(String operator, Expression left, Expression right, int line)
      implements Expression {}

  /** {@code first op second op third …}: each with its neighbour. */
  record Comparison(Expression first, List<String> operators, List<Expression> others, int line)
      implements Expression {}

  /** {@code then if condition else otherwise}. */
  record Conditional(Expression condition, Expression then, Optional<Expression> otherwise)
      implements Expression {}
}
