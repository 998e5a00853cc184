package org.modelopt.models.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a template into tokens, with {@code trim_blocks} and {@code lstrip_blocks}: the line end
 * after a block or comment goes, and so do blanks between a line's start and a block or comment. A
 * minus sign at a tag's border takes all white space beside it, a plus sign leaves it.
 */
final class Lexer {
  private static final Pattern TAG = Pattern.compile("\\{[{%#][-+]?");
  private static final Pattern NUMBER = Pattern.compile("\\d[\\d_]*(\\.\\d+)?([eE][-+]?\\d+)?");
  private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_]*");
  private static final Pattern OPERATOR =
      Pattern.compile("\\*\\*|//|==|!=|<=|>=|[-+*/%~<>=.,:|()\\[\\]{}]");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;

  /** Whether {@link #position} is the start of a line of which nothing was kept yet. */
  private boolean lineStarts = true;

  private Lexer(String source) {
    String normal = source.replace("\r\n", "\n").replace('\r', '\n');
    this.source = normal.endsWith("\n") ? normal.substring(0, normal.length() - 1) : normal;
  }

  static List<Token> tokens(String source) {
    Lexer lexer = new Lexer(source);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    Matcher tag = TAG.matcher(source);
    while (tag.find(position)) {
      char kind = tag.group().charAt(1);
      text(source.substring(position, tag.start()), kind, tag.group().substring(2));
      moveTo(tag.end());
      switch (kind) {
        case '{' -> inside(Token.Type.OPEN_OUTPUT, Token.Type.CLOSE_OUTPUT, "}}", false);
        case '%' -> inside(Token.Type.OPEN_BLOCK, Token.Type.CLOSE_BLOCK, "%}", true);
        default -> comment();
      }
    }
    add(Token.Type.TEXT, source.substring(position));
    moveTo(source.length());
    add(Token.Type.END, "");
  }

  private void text(String text, char kind, String border) {
    String kept = text;
    if (border.equals("-")) {
      kept = text.stripTrailing();
    } else if (border.isEmpty() && kind != '{') {
      int lineStart = text.lastIndexOf('\n') + 1;
      boolean fromLineStart = lineStart > 0 || lineStarts;
      if (fromLineStart && text.substring(lineStart).isBlank()) {
        kept = text.substring(0, lineStart);
      }
    }
    add(Token.Type.TEXT, kept);
  }

  private void comment() {
    int end = source.indexOf("#}", position);
    if (end < 0) {
      throw failure("a comment is not closed with #}");
    }
    char border = end > position ? source.charAt(end - 1) : ' ';
    moveTo(end + 2);
    afterTag(border == '-' ? "-" : border == '+' ? "+" : "", true);
  }

  private void inside(Token.Type open, Token.Type close, String end, boolean block) {
    add(open, source.substring(position - 2, position));
    Deque<Character> brackets = new ArrayDeque<>();
    while (true) {
      skipBlanks();
      if (position >= source.length()) {
        throw failure("a tag is not closed with " + end);
      }
      String border = borderBefore(end);
      if (border != null && brackets.isEmpty()) {
        add(close, end);
        moveTo(position + border.length() + end.length());
        afterTag(border, block);
        return;
      }
      token(brackets);
    }
  }

  /** The sign before {@code end} if the tag closes here, an empty text for none, else null. */
  private @Nullable String borderBefore(String end) {
    if (source.startsWith(end, position)) {
      return "";
    }
    char sign = source.charAt(position);
    boolean closes = (sign == '-' || sign == '+') && source.startsWith(end, position + 1);
    return closes ? String.valueOf(sign) : null;
  }

  private void afterTag(String border, boolean block) {
    lineStarts = false;
    if (border.equals("-")) {
      int before = position;
      skipBlanks();
      lineStarts = position > before && source.charAt(position - 1) == '\n';
    } else if (border.isEmpty() && block && source.startsWith("\n", position)) {
      moveTo(position + 1);
      lineStarts = true;
    }
  }

  private void token(Deque<Character> brackets) {
    char c = source.charAt(position);
    if (c == '\'' || c == '"') {
      string(c);
    } else if (Character.isDigit(c)) {
      String number = match(NUMBER);
      boolean whole = number.chars().allMatch(digit -> Character.isDigit(digit) || digit == '_');
      add(whole ? Token.Type.INTEGER : Token.Type.FLOAT, number.replace("_", ""));
    } else if (Character.isLetter(c) || c == '_') {
      add(Token.Type.NAME, match(NAME));
    } else {
      String operator = match(OPERATOR);
      switch (operator) {
        case "(" -> brackets.push(')');
        case "[" -> brackets.push(']');
        case "{" -> brackets.push('}');
        case ")", "]", "}" -> {
          if (brackets.isEmpty() || brackets.pop() != operator.charAt(0)) {
            throw failure("\"" + operator + "\" closes nothing");
          }
        }
        default -> {}
      }
      add(Token.Type.OPERATOR, operator);
    }
  }

  private String match(Pattern pattern) {
    Matcher matcher = pattern.matcher(source).region(position, source.length());
    if (!matcher.lookingAt()) {
      throw failure("unexpected character \"" + source.charAt(position) + "\"");
    }
    moveTo(matcher.end());
    return matcher.group();
  }

  private void string(char quote) {
    StringBuilder value = new StringBuilder();
    int i = position + 1;
    while (i < source.length() && source.charAt(i) != quote) {
      char c = source.charAt(i);
      if (c == '\\' && i + 1 < source.length()) {
        i = escape(i + 1, value);
      } else {
        value.append(c);
        i++;
      }
    }
    if (i >= source.length()) {
      throw failure("a string is not closed with " + quote);
    }
    Token token = new Token(Token.Type.STRING, value.toString(), line);
    tokens.add(token);
    moveTo(i + 1);
  }

  /** Appends what the escape at {@code i}, after its backslash, stands for; returns its end. */
  private int escape(int i, StringBuilder value) {
    char c = source.charAt(i);
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      int end = i + 1 + digits;
      if (end > source.length()) {
        throw failure("a string ends within an escape");
      }
      try {
        value.appendCodePoint(Integer.parseInt(source, i + 1, end, 16));
      } catch (IllegalArgumentException e) {
        throw failure("\\" + source.substring(i, end) + " is no escape");
      }
      return end;
    }
    switch (c) {
      case 'n' -> value.append('\n');
      case 't' -> value.append('\t');
      case 'r' -> value.append('\r');
      case 'b' -> value.append('\b');
      case 'f' -> value.append('\f');
      case '0' -> value.append('\0');
      case '\\', '\'', '"' -> value.append(c);
      case '\n' -> {}
      default -> value.append('\\').append(c); // as Python does
    }
    return i + 1;
  }

  private void skipBlanks() {
    int i = position;
    while (i < source.length() && Character.isWhitespace(source.charAt(i))) {
      i++;
    }
    moveTo(i);
  }

  private void moveTo(int target) {
    for (int i = position; i < target; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    position = target;
  }

  private void add(Token.Type type, String text) {
    if (type != Token.Type.TEXT || !text.isEmpty()) {
      tokens.add(new Token(type, text, line));
    }
  }

  private TemplateException failure(String what) {
    return new TemplateException("line " + line + ": " + what);
  }
}
