package org.modelopt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The project's documents, and the blocks of code in them. */
final class Docs {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private Docs() {}

  /**
   * A block of code.
   *
   * @param place file and line, for messages
   * @param language what stands behind the fence; empty for an indented block or a bare fence
   * @param lines the code
   */
  record Block(String place, String language, List<String> lines) {
    @Override
    public String toString() {
      return place;
    }

    /** Commands of the launcher in it, one string each, continued lines joined. */
    List<String> commands() {
      List<String> commands = new ArrayList<>();
      String joined = String.join("\n", lines).replaceAll("\\\\\n\\s*", " ");
      for (String line : joined.split("\n", -1)) {
        String command = line.strip().replaceFirst("^source <\\((.*)\\)$", "$1");
        if (command.matches("(\\./)?modelopt [a-z].*")) {
          commands.add(command.replaceFirst("^(\\./)?modelopt ", "").replaceFirst("\\s+#.*", ""));
        }
      }
      return commands;
    }
  }

  /** Root of the checkout. */
  static Path root() {
    return ROOT;
  }

  /** All blocks of README.md and of {@code docs}. */
  static List<Block> blocks() {
    List<Block> blocks = new ArrayList<>();
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      Stream.concat(Stream.of(ROOT.resolve("README.md")), docs)
          .filter(file -> file.toString().endsWith(".md"))
          .sorted()
          .forEach(file -> addBlocks(file, blocks));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return blocks;
  }

  private static void addBlocks(Path file, List<Block> blocks) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<String> current = new ArrayList<>();
    String language = "";
    int start = -1;
    boolean fenced = false;
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.startsWith("```")) {
        if (fenced) {
          blocks.add(new Block(place(file, start), language, List.copyOf(current)));
        }
        fenced = !fenced;
        language = line.substring(3).strip();
        current.clear();
        start = i + 1;
      } else if (fenced) {
        current.add(line);
      } else if (line.startsWith("    ") && !line.isBlank()) {
        blocks.add(new Block(place(file, i), "", List.of(line.strip())));
      }
    }
  }

  private static String place(Path file, int line) {
    return ROOT.relativize(file) + ":" + (line + 1);
  }
}
