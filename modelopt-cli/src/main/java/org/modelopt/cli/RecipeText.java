package org.modelopt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.modelopt.config.RecipeLibrary;
import org.modelopt.error.ConfigException;

/**
 * What {@code --recipe} names: a file, or one of the recipes that come with the library.
 *
 * @param text YAML
 * @param source name of the text in messages
 */
record RecipeText(String text, String source) {
  /**
   * Reads it; a file goes before a recipe of the same name.
   *
   * @throws ConfigException if it is neither a readable file nor a known name
   */
  static RecipeText of(String name) {
    Path file = Path.of(name);
    if (!Files.exists(file)) {
      return RecipeLibrary.find(name)
          .map(entry -> new RecipeText(entry.text(), "recipe " + name))
          .orElseThrow(() ->
              new ConfigException(
                  "--recipe %s: there is no such file, and no recipe of that name; there are %s"
                      .formatted(name, names())));
    }
    try {
      return new RecipeText(Files.readString(file), name);
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e, e);
    }
  }

  private static String names() {
    List<RecipeLibrary.Entry> all = RecipeLibrary.all();
    return all.stream().map(RecipeLibrary.Entry::name).collect(Collectors.joining(", "));
  }
}
