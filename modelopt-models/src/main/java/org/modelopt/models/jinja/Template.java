package org.modelopt.models.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A parsed template; immutable, safe for use by several threads. */
public final class Template {
  /** A function that an application gives to a template. */
  @FunctionalInterface
  public interface Function {
    /**
     * The value for positional arguments: text, numbers ({@link Long}, {@link Double}), truth
     * values, lists, maps.
     */
    Object call(List<Object> arguments);
  }

  /** Python's {@code None}, as the value of a variable. */
  public static final Object NONE = None.NONE;

  private final List<Statement> statements;

  private Template(List<Statement> statements) {
    this.statements = statements;
  }

  /**
   * Parses a template.
   *
   * @throws TemplateException if it is malformed; the message names the line
   */
  public static Template parse(String source) {
    try {
      return new Template(Parser.parse(source));
    } catch (StackOverflowError e) {
      throw new TemplateException("it is nested too deeply");
    }
  }

  /**
   * The text that the template writes.
   *
   * @param variables texts, numbers, truth values, {@link List}s, {@link Map}s and {@link
   *     Function}s by name
   * @throws TemplateException if it fails on the variables
   */
  public String render(Map<String, ?> variables) {
    Map<String, Object> values = new LinkedHashMap<>();
    variables.forEach((name, value) -> values.put(name, Values.of(value)));
    try {
      return new Interpreter().run(statements, values);
    } catch (StackOverflowError e) {
      // Long chains of operators pass the parser's limits.
      throw new TemplateException("it is nested too deeply");
    }
  }
}
