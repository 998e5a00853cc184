package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.config.Recipes;
import picocli.CommandLine;

/**
 * What the documents say can be typed: commands run, recipes are read, Java stands in an example
 * that is compiled and run by its own test, and links lead somewhere.
 */
class DocsTest {
  private static final Pattern BENCHMARK =
      Pattern.compile("tools/benchmark ([a-z]+\\.[A-Z]\\w+)([^`\n]*)");
  private static final Pattern USAGE = Pattern.compile("Usage\\.check\\(args, \"([^\"]*)\"\\)");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");

  @TempDir private Path directory;

  static Stream<Docs.Block> withCommands() {
    return Docs.blocks().stream().filter(block -> !block.commands().isEmpty());
  }

  static Stream<Docs.Block> withJava() {
    return Docs.blocks().stream().filter(block -> block.language().equals("java"));
  }

  static Stream<Docs.Block> withYaml() {
    return Docs.blocks().stream().filter(block -> block.language().equals("yaml"));
  }

  static Stream<String> subcommands() {
    return Main.commandLine().getSubcommands().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("withCommands")
  void commandsRun(Docs.Block block) throws IOException {
    run(block.commands());
  }

  @ParameterizedTest
  @MethodSource("subcommands")
  void examplesOfTheHelpRun(String name) throws IOException {
    CommandLine command = Main.commandLine().getSubcommands().get(name);
    List<String> footer = Arrays.asList(command.getCommandSpec().usageMessage().footer());
    run(new Docs.Block(name, "", footer).commands());
  }

  private void run(List<String> commands) throws IOException {
    DocsWorld world = new DocsWorld(directory);
    for (String command : commands) {
      if (command.startsWith("demo --out")) {
        continue; // README's first command is the same job
      }
      if (command.startsWith("serve ")) {
        assertServes(world, command.replaceFirst("--port \\d+", "") + " --port 0");
        continue;
      }
      CommandRun run = world.run(command);
      assertEquals(0, run.exit(), () -> command + "\n" + run.err());
    }
  }

  /** Starts the server, asks it for its models, and ends it as an interrupt does. */
  private static void assertServes(DocsWorld world, String command) throws IOException {
    try (RunningCommand running = new RunningCommand(world.arguments(command))) {
      String address = running.awaitLine(line -> line.contains("http://127.0.0.1:"));
      URI models = URI.create(address.substring(address.indexOf("http://")).strip() + "/models");
      try (InputStream answer = models.toURL().openStream()) {
        String text = new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(text.contains("\"object\":\"model\""), text);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("withYaml")
  void yamlIsARecipe(Docs.Block block) {
    Recipes.parse(String.join("\n", block.lines()), block.place());
  }

  @ParameterizedTest
  @MethodSource("withJava")
  void javaStandsInAnExample(Docs.Block block) throws IOException {
    String wanted = squeezed(String.join("\n", block.lines()));
    try (Stream<Path> files = Files.walk(Docs.root().resolve("modelopt-examples/src/main/java"))) {
      assertTrue(
          files
              .filter(Files::isRegularFile)
              .map(DocsTest::read)
              .anyMatch(source -> squeezed(source).contains(wanted)),
          block + ": no class of modelopt-examples has these lines");
    }
  }

  private static String squeezed(String text) {
    return text.replaceAll("\\s+", " ").strip();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void benchmarksAreStartedWithArgumentsTheyTake() throws IOException {
    List<String> wrong = new ArrayList<>();
    int found = 0;
    for (Path file : files()) {
      Matcher commands = BENCHMARK.matcher(Files.readString(file));
      while (commands.find()) {
        found++;
        String parameters = parametersOfBenchmark(commands.group(1));
        int given = words(commands.group(2)).size();
        List<String> names = words(parameters);
        long least = names.stream().filter(name -> !name.startsWith("[")).count();
        boolean open = parameters.contains("...");
        if (given < least || (!open && given > names.size())) {
          wrong.add(
              "%s: %s; it takes: %s".formatted(file.getFileName(), commands.group(), parameters));
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(found > 5);
  }

  private static List<String> words(String text) {
    return Arrays.stream(text.split("\\s+", -1)).filter(word -> !word.isEmpty()).toList();
  }

  /** What a benchmark checks its arguments against. */
  private static String parametersOfBenchmark(String name) {
    String file = "modelopt-benchmarks/src/main/java/org/modelopt/benchmarks/";
    Path source = Docs.root().resolve(file + name.replace('.', '/') + ".java");
    assertTrue(Files.exists(source), source::toString);
    Matcher usage = USAGE.matcher(read(source));
    assertTrue(usage.find(), () -> source + " does not check its arguments");
    return usage.group(1);
  }

  @Test
  void nothingIsLeftOutOfACommand() {
    for (Docs.Block block : Docs.blocks()) {
      for (String line : block.lines()) {
        boolean command = line.matches("\\s*(\\w+=\\S+ )*(\\S*modelopt|tools/\\w+|java|mvn) .*");
        boolean whole = !line.contains("…") && !line.contains("...");
        assertTrue(whole || !command, block + ": " + line);
      }
    }
  }

  private static List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>(List.of(Docs.root().resolve("README.md")));
    try (Stream<Path> docs = Files.list(Docs.root().resolve("docs"))) {
      docs.filter(file -> file.toString().endsWith(".md")).forEach(files::add);
    }
    return files;
  }

  @Test
  void linksLeadSomewhere() throws IOException {
    List<String> broken = new ArrayList<>();
    for (Path file : files()) {
      Matcher links = LINK.matcher(Files.readString(file));
      while (links.find()) {
        if (!Files.exists(file.resolveSibling(links.group(1)))) {
          broken.add(file.getFileName() + ": " + links.group(1));
        }
      }
    }
    assertEquals(List.of(), broken);
  }
}
