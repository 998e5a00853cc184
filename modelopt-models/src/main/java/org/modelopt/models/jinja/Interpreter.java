package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs statements. */
final class Interpreter {
  private static final int DEEPEST_CALL = 100;
  private static final int MOST_ROUNDS = 1_000_000;
  private static final int MOST_CHARACTERS = 10_000_000;

  /** How a row of statements ended. */
  private enum End {
    NORMAL,
    BREAK,
    CONTINUE
  }

  private int depth;
  private int rounds;

  String run(List<Statement> statements, Map<String, Object> given) {
    Variables variables = Variables.outermost();
    Globals.addTo(variables);
    given.forEach(variables::set);
    StringBuilder out = new StringBuilder();
    runAll(statements, variables, out);
    return out.toString();
  }

  private End runAll(List<Statement> statements, Variables variables, StringBuilder out) {
    for (Statement statement : statements) {
      End end = run(statement, variables, out);
      if (end != End.NORMAL) {
        return end;
      }
    }
    return End.NORMAL;
  }

  private End run(Statement statement, Variables variables, StringBuilder out) {
    switch (statement) {
      case Statement.Text text -> write(text.text(), out);
      case Statement.Output output ->
          located(
              output.line(),
              () -> write(Values.text(Evaluator.value(output.expression(), variables)), out));
      case Statement.If condition -> {
        return branch(condition, variables, out);
      }
      case Statement.For loop -> loop(loop, variables, out);
      case Statement.Break leave -> {
        return End.BREAK;
      }
      case Statement.Continue next -> {
        return End.CONTINUE;
      }
      case Statement.Assignment assignment ->
          located(
              assignment.line(),
              () ->
                  assign(
                      assignment.targets(),
                      Evaluator.value(assignment.value(), variables),
                      variables));
      case Statement.AttributeAssignment assignment ->
          located(assignment.line(), () -> assign(assignment, variables));
      case Statement.BlockAssignment assignment -> {
        StringBuilder text = new StringBuilder();
        runAll(assignment.body(), variables.inner(), text);
        variables.set(assignment.target(), text.toString());
      }
      case Statement.Macro macro -> variables.set(macro.name(), callable(macro, variables));
      case Statement.Group group -> {
        return runAll(group.body(), variables, out);
      }
    }
    return End.NORMAL;
  }

  private static void write(String text, StringBuilder out) {
    if (out.length() + (long) text.length() > MOST_CHARACTERS) {
      throw new TemplateException("it writes more than %,d characters".formatted(MOST_CHARACTERS));
    }
    out.append(text);
  }

  private End branch(Statement.If statement, Variables variables, StringBuilder out) {
    for (int i = 0; i < statement.conditions().size(); i++) {
      if (Values.isTrue(Evaluator.value(statement.conditions().get(i), variables))) {
        return runAll(statement.bodies().get(i), variables, out);
      }
    }
    return runAll(statement.otherwise(), variables, out);
  }

  private void loop(Statement.For loop, Variables variables, StringBuilder out) {
    List<Object> items = new ArrayList<>();
    located(
        loop.line(),
        () -> {
          for (Object item : Values.items(Evaluator.value(loop.items(), variables))) {
            Variables inner = variables.inner();
            assign(loop.targets(), item, inner);
            if (loop.condition().isEmpty()
                || Values.isTrue(Evaluator.value(loop.condition().get(), inner))) {
              items.add(item);
            }
          }
        });
    if (items.isEmpty()) {
      runAll(loop.otherwise(), variables, out);
    }
    for (int i = 0; i < items.size(); i++) {
      if (++rounds > MOST_ROUNDS) {
        throw new TemplateException("its loops have more than %,d rounds".formatted(MOST_ROUNDS));
      }
      Variables inner = variables.inner();
      assign(loop.targets(), items.get(i), inner);
      inner.set("loop", position(items, i));
      if (runAll(loop.body(), inner, out) == End.BREAK) {
        return;
      }
    }
  }

  /** The variable {@code loop} in round {@code i}. */
  private static Object position(List<Object> items, int i) {
    int size = items.size();
    Map<Object, Object> loop = new LinkedHashMap<>();
    loop.put("index", i + 1L);
    loop.put("index0", (long) i);
    loop.put("revindex", (long) (size - i));
    loop.put("revindex0", size - i - 1L);
    loop.put("first", i == 0);
    loop.put("last", i == size - 1);
    loop.put("length", (long) size);
    if (i > 0) {
      loop.put("previtem", items.get(i - 1));
    }
    if (i < size - 1) {
      loop.put("nextitem", items.get(i + 1));
    }
    loop.put("cycle", (Callable) (args, named) -> args.get(i % args.size()));
    return loop;
  }

  private static void assign(List<String> targets, Object value, Variables variables) {
    if (targets.size() == 1) {
      variables.set(targets.getFirst(), value);
      return;
    }
    List<Object> items = Values.items(value);
    if (items.size() != targets.size()) {
      throw new TemplateException(
          "%d values cannot be given to %d names".formatted(items.size(), targets.size()));
    }
    for (int i = 0; i < items.size(); i++) {
      variables.set(targets.get(i), items.get(i));
    }
  }

  private static void assign(Statement.AttributeAssignment assignment, Variables variables) {
    Object target = variables.get(assignment.target()).orElse(None.NONE);
    if (!(target instanceof Namespace namespace)) {
      throw new TemplateException(
          "attributes can be set on a namespace only, and '%s' is none"
              .formatted(assignment.target()));
    }
    namespace.set(assignment.name(), Evaluator.value(assignment.value(), variables));
  }

  private Callable callable(Statement.Macro macro, Variables variables) {
    return (positional, named) -> {
      if (++depth > DEEPEST_CALL) {
        throw new TemplateException("macros call each other too deeply");
      }
      Variables inner = variables.inner();
      Map<String, Object> left = new HashMap<>(named);
      for (int i = 0; i < macro.parameters().size(); i++) {
        String name = macro.parameters().get(i);
        Object byName = left.remove(name);
        if (i < positional.size()) {
          inner.set(name, positional.get(i));
        } else if (byName != null) {
          inner.set(name, byName);
        } else {
          inner.set(
              name,
              macro.defaults().get(i).isPresent()
                  ? Evaluator.value(macro.defaults().get(i).get(), inner)
                  : new Undefined(name));
        }
      }
      if (positional.size() > macro.parameters().size() || !left.isEmpty()) {
        throw new TemplateException("macro %s is given too many arguments".formatted(macro.name()));
      }
      StringBuilder text = new StringBuilder();
      runAll(macro.body(), inner, text);
      depth--;
      return text.toString();
    };
  }

  /** Runs {@code action}; its failure says the line, unless one from within said it already. */
  private static void located(int line, Runnable action) {
    try {
      action.run();
    } catch (TemplateException e) {
      String message = String.valueOf(e.getMessage());
      throw message.startsWith("line ")
          ? e
          : new TemplateException("line " + line + ": " + message);
    }
  }
}
