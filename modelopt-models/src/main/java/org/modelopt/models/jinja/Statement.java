package org.modelopt.models.jinja;

import java.util.List;
import java.util.Optional;

/** What writes something or changes what follows. */
sealed interface Statement {
  /** Text as it is. */
  record Text(String text) implements Statement {}

  /** The value of an expression. */
  record Output(Expression expression, int line) implements Statement {}

  /** The first of {@code bodies} whose condition holds, or {@code otherwise}. */
  record If(List<Expression> conditions, List<List<Statement>> bodies, List<Statement> otherwise)
      implements Statement {}

  /** {@code body} for each item for which {@code condition} holds; {@code otherwise} if none. */
  record For(
      List<String> targets,
      Expression items,
      Optional<Expression> condition,
      List<Statement> body,
      List<Statement> otherwise,
      int line)
      implements Statement {}

  /** Leaves the innermost loop. */
  record Break() implements Statement {}

  /** Goes on with the next item of the innermost loop. */
  record Continue() implements Statement {}

  /** Names for a value, unpacked if there are several. */
  record Assignment(List<String> targets, Expression value, int line) implements Statement {}

  /** {@code target.name = value} of a namespace. */
  record AttributeAssignment(String target, String name, Expression value, int line)
      implements Statement {}

  /** A name for what {@code body} writes. */
  record BlockAssignment(String target, List<Statement> body) implements Statement {}

  /** A function that gives what {@code body} writes. */
  record Macro(
      String name,
      List<String> parameters,
      List<Optional<Expression>> defaults,
      List<Statement> body)
      implements Statement {}

  /** Statements in a row: what a block without meaning of its own holds. */
  record Group(List<Statement> body) implements Statement {}
}
