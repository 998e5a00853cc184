package org.modelopt.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeSet;
import org.modelopt.config.Recipes;
import org.modelopt.error.ConfigException;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Carries out the {@code options} of recipes: puts them behind what stands on the command line,
 * unless it says the same option itself. So every option of a command that takes {@code --recipe}
 * can stand in a recipe, and what is typed goes before what is written.
 */
final class RecipeOptions {
  private static final String RECIPE = "--recipe";

  private RecipeOptions() {}

  /**
   * The arguments, with those that recipes add.
   *
   * @throws ConfigException if a recipe cannot be read or names an option that no command has
   */
  static String[] expand(CommandLine main, String... args) {
    CommandLine command = args.length == 0 ? null : main.getSubcommands().get(args[0]);
    if (command == null || !command.getCommandSpec().optionsMap().containsKey(RECIPE)) {
      return args;
    }
    List<String> expanded = new ArrayList<>(Arrays.asList(args));
    for (String recipe : recipes(args)) {
      RecipeText text = RecipeText.of(recipe);
      SequencedMap<String, List<String>> options = Recipes.options(text.text(), text.source());
      for (Map.Entry<String, List<String>> option : options.entrySet()) {
        String name = "--" + option.getKey();
        requireKnown(main, name, text.source());
        OptionSpec known = command.getCommandSpec().findOption(name);
        if (known != null && !isGiven(known, args)) {
          expanded.addAll(arguments(known, option.getValue()));
        }
      }
    }
    return expanded.toArray(String[]::new);
  }

  private static List<String> recipes(String... args) {
    List<String> recipes = new ArrayList<>();
    for (int i = 1; i < args.length; i++) {
      if (args[i].equals(RECIPE) && i + 1 < args.length) {
        recipes.add(args[i + 1]);
      } else if (args[i].startsWith(RECIPE + "=")) {
        recipes.add(args[i].substring(RECIPE.length() + 1));
      }
    }
    return recipes;
  }

  /** A recipe serves several commands: what one of them knows is no mistake in another. */
  private static void requireKnown(CommandLine main, String name, String source) {
    TreeSet<String> known = new TreeSet<>();
    for (CommandLine command : main.getSubcommands().values()) {
      Map<String, OptionSpec> options = command.getCommandSpec().optionsMap();
      if (options.containsKey(RECIPE)) {
        known.addAll(options.keySet());
      }
    }
    known.removeIf(option -> !option.startsWith("--"));
    known.removeAll(List.of(RECIPE, "--help", "--version"));
    if (!known.contains(name)) {
      throw new ConfigException(
          "%s: options has \"%s\", which is no option of a command that reads recipes; there are %s"
              .formatted(source, name.substring(2), String.join(", ", known)));
    }
  }

  private static boolean isGiven(OptionSpec option, String... args) {
    return Arrays.stream(args)
        .anyMatch(arg ->
            Arrays.stream(option.names())
                .anyMatch(name -> arg.equals(name) || arg.startsWith(name + "=")));
  }

  private static List<String> arguments(OptionSpec option, List<String> values) {
    String name = option.longestName();
    if (option.arity().max() > 0) {
      return values.stream().map(value -> name + "=" + value).toList();
    }
    return values.equals(List.of("false")) ? List.of() : List.of(name);
  }
}
