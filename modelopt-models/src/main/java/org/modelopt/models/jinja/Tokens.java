package org.modelopt.models.jinja;

import java.util.List;
import java.util.Set;

/** The tokens of a template and how far the parser is. */
final class Tokens {
  private static final Set<String> WORD_OPERATORS =
      Set.of("and", "or", "not", "in", "is", "if", "else");

  private final List<Token> tokens;
  private int position;

  Tokens(List<Token> tokens) {
    this.tokens = tokens;
  }

  static boolean isWordOperator(Token token) {
    return token.type() == Token.Type.NAME && WORD_OPERATORS.contains(token.text());
  }

  Token peek() {
    return peek(0);
  }

  Token peek(int ahead) {
    return tokens.get(Math.min(position + ahead, tokens.size() - 1));
  }

  Token next() {
    Token token = peek();
    position++;
    return token;
  }

  boolean acceptOperator(String text) {
    return accept(peek().isOperator(text));
  }

  boolean acceptName(String text) {
    return accept(peek().isName(text));
  }

  private boolean accept(boolean matches) {
    if (matches) {
      position++;
    }
    return matches;
  }

  void expectOperator(String text) {
    if (!acceptOperator(text)) {
      throw failure("\"%s\" is missing before %s".formatted(text, peek().describe()));
    }
  }

  void expect(Token.Type type, String text) {
    if (peek().type() != type) {
      throw failure("\"%s\" is missing before %s".formatted(text, peek().describe()));
    }
    next();
  }

  /** The next token, which must be a name that is not an operator. */
  String name() {
    return nameOf(next());
  }

  String nameOf(Token token) {
    if (token.type() != Token.Type.NAME) {
      throw failure("a name is missing before " + token.describe());
    }
    return token.text();
  }

  TemplateException failure(String what) {
    return new TemplateException("line " + peek().line() + ": " + what);
  }
}
