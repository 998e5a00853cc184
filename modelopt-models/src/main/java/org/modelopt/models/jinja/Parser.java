package org.modelopt.models.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Parses the statements of a template. */
final class Parser {
  private static final int DEEPEST = 100;

  private final Tokens tokens;
  private final ExpressionParser expressions;
  private int depth;

  private Parser(Tokens tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  static List<Statement> parse(String source) {
    Parser parser = new Parser(new Tokens(Lexer.tokens(source)));
    List<Statement> statements = parser.until(Set.of());
    if (parser.tokens.peek().type() != Token.Type.END) {
      throw parser.tokens.failure("\"%s\" ends nothing".formatted(parser.tokens.peek(1).text()));
    }
    return statements;
  }

  /** Statements up to a block that starts with one of {@code ends}, which stays unread. */
  private List<Statement> until(Set<String> ends) {
    if (++depth > DEEPEST) {
      throw tokens.failure("blocks are nested too deeply");
    }
    List<Statement> statements = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      switch (token.type()) {
        case TEXT -> statements.add(new Statement.Text(tokens.next().text()));
        case OPEN_OUTPUT -> {
          tokens.next();
          statements.add(new Statement.Output(expressions.tupleOrOne(), token.line()));
          tokens.expect(Token.Type.CLOSE_OUTPUT, "}}");
        }
        case OPEN_BLOCK -> {
          String word = tokens.peek(1).text();
          if (ends.contains(word) || word.startsWith("end") || isBranch(word)) {
            depth--;
            return List.copyOf(statements);
          }
          tokens.next();
          statements.add(block(tokens.name(), token.line()));
        }
        case END -> {
          if (!ends.isEmpty()) {
            throw tokens.failure(
                "a block is not ended; one of %s is missing".formatted(new TreeSet<>(ends)));
          }
          depth--;
          return List.copyOf(statements);
        }
        case CLOSE_OUTPUT, CLOSE_BLOCK, NAME, STRING, INTEGER, FLOAT, OPERATOR ->
            throw tokens.failure("unexpected " + token.describe());
      }
    }
  }

  private static boolean isBranch(String word) {
    return word.equals("else") || word.equals("elif");
  }

  private Statement block(String keyword, int line) {
    return switch (keyword) {
      case "if" -> condition();
      case "for" -> loop(line);
      case "set" -> assignment(line);
      case "macro" -> macro();
      case "generation" -> {
        close();
        yield new Statement.Group(body("endgeneration"));
      }
      case "break" -> {
        close();
        yield new Statement.Break();
      }
      case "continue" -> {
        close();
        yield new Statement.Continue();
      }
      default -> throw tokens.failure("the tag \"%s\" is not known".formatted(keyword));
    };
  }

  private void close() {
    tokens.expect(Token.Type.CLOSE_BLOCK, "%}");
  }

  /** Statements up to {@code end}, which is read. */
  private List<Statement> body(String end) {
    List<Statement> statements = until(Set.of(end));
    end(end);
    return statements;
  }

  private void end(String word) {
    if (!tokens.peek(1).isName(word)) {
      throw tokens.failure("\"%s\" where \"%s\" belongs".formatted(tokens.peek(1).text(), word));
    }
    tokens.next();
    tokens.next();
    if (word.equals("endmacro")) {
      if (tokens.peek().type() == Token.Type.NAME) {
        tokens.next(); // the macro's name may be repeated
      }
    }
    close();
  }

  private Statement condition() {
    List<Expression> conditions = new ArrayList<>();
    List<List<Statement>> bodies = new ArrayList<>();
    List<Statement> otherwise = List.of();
    conditions.add(expressions.expression());
    close();
    bodies.add(until(Set.of("elif", "else", "endif")));
    while (tokens.peek(1).isName("elif")) {
      tokens.next();
      tokens.next();
      conditions.add(expressions.expression());
      close();
      bodies.add(until(Set.of("elif", "else", "endif")));
    }
    if (tokens.peek(1).isName("else")) {
      tokens.next();
      tokens.next();
      close();
      otherwise = until(Set.of("endif"));
    }
    end("endif");
    return new Statement.If(List.copyOf(conditions), List.copyOf(bodies), otherwise);
  }

  private Statement loop(int line) {
    List<String> targets = targets();
    if (!tokens.acceptName("in")) {
      throw tokens.failure("\"in\" is missing before " + tokens.peek().describe());
    }
    Expression items = expressions.withoutCondition();
    Optional<Expression> condition =
        tokens.acceptName("if") ? Optional.of(expressions.expression()) : Optional.empty();
    close();
    List<Statement> body = until(Set.of("else", "endfor"));
    List<Statement> otherwise = List.of();
    if (tokens.peek(1).isName("else")) {
      tokens.next();
      tokens.next();
      close();
      otherwise = until(Set.of("endfor"));
    }
    end("endfor");
    return new Statement.For(targets, items, condition, body, otherwise, line);
  }

  private List<String> targets() {
    boolean bracketed = tokens.acceptOperator("(");
    List<String> targets = new ArrayList<>(List.of(tokens.name()));
    while (tokens.acceptOperator(",")) {
      targets.add(tokens.name());
    }
    if (bracketed) {
      tokens.expectOperator(")");
    }
    return List.copyOf(targets);
  }

  private Statement assignment(int line) {
    List<String> targets = targets();
    if (targets.size() == 1 && tokens.acceptOperator(".")) {
      String name = tokens.name();
      tokens.expectOperator("=");
      Expression value = expressions.tupleOrOne();
      close();
      return new Statement.AttributeAssignment(targets.getFirst(), name, value, line);
    }
    if (targets.size() == 1 && tokens.peek().type() == Token.Type.CLOSE_BLOCK) {
      close();
      return new Statement.BlockAssignment(targets.getFirst(), body("endset"));
    }
    tokens.expectOperator("=");
    Expression value = expressions.tupleOrOne();
    close();
    return new Statement.Assignment(targets, value, line);
  }

  private Statement macro() {
    String name = tokens.name();
    List<String> parameters = new ArrayList<>();
    List<Optional<Expression>> defaults = new ArrayList<>();
    tokens.expectOperator("(");
    while (!tokens.acceptOperator(")")) {
      parameters.add(tokens.name());
      defaults.add(
          tokens.acceptOperator("=") ? Optional.of(expressions.expression()) : Optional.empty());
      if (!tokens.peek().isOperator(")")) {
        tokens.expectOperator(",");
      }
    }
    close();
    return new Statement.Macro(
        name, List.copyOf(parameters), List.copyOf(defaults), body("endmacro"));
  }
}
