package org.modelopt.models.jinja;

import java.util.List;
import java.util.Map;

/** Writes values as Python's {@code json.dumps(value, ensure_ascii=False, indent=…)}. */
final class Json {
  private final StringBuilder text = new StringBuilder();
  private final int indent;

  private Json(int indent) {
    this.indent = indent;
  }

  /** JSON of {@code value}, in one line if {@code indent} is negative. */
  static String write(Object value, int indent) {
    Json json = new Json(indent);
    json.value(value, 0);
    return json.text.toString();
  }

  private void value(Object value, int level) {
    switch (value) {
      case String s -> string(s);
      case Boolean b -> text.append(b);
      case Long n -> text.append(n);
      case Double n -> text.append(Values.decimal(n));
      case None none -> text.append("null");
      case List<?> list -> {
        text.append('[');
        int i = 0;
        for (Object item : list) {
          next(i++, level + 1);
          value(item, level + 1);
        }
        close(']', list.isEmpty(), level);
      }
      case Map<?, ?> map -> {
        text.append('{');
        int i = 0;
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          next(i++, level + 1);
          Object key = entry.getKey();
          string(key instanceof String s ? s : write(key, -1));
          text.append(": ");
          value(entry.getValue(), level + 1);
        }
        close('}', map.isEmpty(), level);
      }
      case Undefined undefined -> throw undefined.failure();
      default -> throw new TemplateException(Values.typeName(value) + " has no JSON");
    }
  }

  private void next(int index, int level) {
    if (index > 0) {
      text.append(indent < 0 ? ", " : ",");
    }
    lineBreak(level);
  }

  private void close(char bracket, boolean empty, int level) {
    if (!empty) {
      lineBreak(level);
    }
    text.append(bracket);
  }

  private void lineBreak(int level) {
    if (indent >= 0) {
      text.append('\n').append(" ".repeat(indent * level));
    }
  }

  private void string(String s) {
    text.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        case '\b' -> text.append("\\b");
        case '\f' -> text.append("\\f");
        default -> {
          if (c < 0x20) {
            text.append("\\u%04x".formatted((int) c));
          } else {
            text.append(c);
          }
        }
      }
    }
    text.append('"');
  }
}
