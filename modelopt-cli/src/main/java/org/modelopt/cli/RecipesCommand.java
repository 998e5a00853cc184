package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.modelopt.config.RecipeLibrary;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Lists and shows the recipes that come with the library. */
@Command(
    name = "recipes",
    description = "Lists the recipes that come with this program, or prints one as YAML.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A recipe is used by its name, or as a file after changes of your own:",
      "  modelopt recipes --model Mixtral-8x7B",
      "  modelopt recipes fp8 > mine.yaml",
      "  modelopt quantize --model Llama-3.2-1B --recipe mine.yaml --out Llama-3.2-1B-FP8",
      "What stands under \"options\" are options of the command; those that are typed go before."
    })
final class RecipesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(arity = "0..1", paramLabel = "NAME", description = "The recipe to print.")
  private @Nullable String name;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "List only what is made for the model of this checkpoint.")
  private @Nullable Path directory;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    Terminal terminal = Terminal.of(spec);
    if (name != null) {
      terminal.line(RecipeText.of(name).text().stripTrailing());
      return 0;
    }
    List<RecipeLibrary.Entry> entries = fitting();
    if (json) {
      ArrayNode list = Json.object().putArray("recipes");
      entries.forEach(entry -> describe(list.addObject(), entry));
      terminal.line(Json.text(list));
      return 0;
    }
    int width = entries.stream().mapToInt(entry -> entry.name().length()).max().orElse(1);
    for (RecipeLibrary.Entry entry : entries) {
      terminal.line(("%-" + width + "s  %s").formatted(entry.name(), entry.description()));
      if (!entry.modelTypes().isEmpty()) {
        terminal.line(
            " ".repeat(width) + "  for model_type " + String.join(", ", entry.modelTypes()));
      }
    }
    return 0;
  }

  private List<RecipeLibrary.Entry> fitting() {
    if (directory == null) {
      return RecipeLibrary.all();
    }
    try (HfModel model = Models.load(directory)) {
      String type = model.family().modelType();
      return RecipeLibrary.all().stream().filter(entry -> entry.fits(type)).toList();
    }
  }

  private static void describe(ObjectNode node, RecipeLibrary.Entry entry) {
    node.put("name", entry.name());
    node.put("description", entry.description());
    ArrayNode types = node.putArray("model_types");
    entry.modelTypes().forEach(types::add);
  }
}
