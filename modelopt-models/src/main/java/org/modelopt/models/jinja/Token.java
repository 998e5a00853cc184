package org.modelopt.models.jinja;

/**
 * A piece of a template.
 *
 * @param type what it is
 * @param text its characters; of a string literal, its value
 * @param line line of the template, from 1
 */
record Token(Type type, String text, int line) {
  /** What a token is. */
  enum Type {
    /** Text between tags. */
    TEXT,
    /** <code>{{</code>. */
    OPEN_OUTPUT,
    /** <code>}}</code>. */
    CLOSE_OUTPUT,
    /** <code>{%</code>. */
    OPEN_BLOCK,
    /** <code>%}</code>. */
    CLOSE_BLOCK,
    /** Name or keyword. */
    NAME,
    /** String literal. */
    STRING,
    /** Integer literal. */
    INTEGER,
    /** Literal with a fraction or an exponent. */
    FLOAT,
    /** Operator or bracket. */
    OPERATOR,
    /** End of the template. */
    END
  }

  boolean is(Type other, String value) {
    return type == other && text.equals(value);
  }

  boolean isOperator(String value) {
    return is(Type.OPERATOR, value);
  }

  boolean isName(String value) {
    return is(Type.NAME, value);
  }

  /** For messages. */
  String describe() {
    return type == Type.END ? "the end of the template" : "\"" + text + "\"";
  }
}
