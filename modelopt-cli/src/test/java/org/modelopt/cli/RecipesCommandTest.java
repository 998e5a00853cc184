package org.modelopt.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.modelopt.config.RecipeLibrary;
import org.modelopt.config.Recipes;
import org.modelopt.models.pocket.PocketModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RecipesCommandTest {
  @TempDir private Path directory;
  private Path model;

  @BeforeEach
  void extractTheModel() {
    model = PocketModel.extract(directory.resolve("pocket-llama"));
  }

  private Path recipe(String text) throws IOException {
    return Files.writeString(directory.resolve("mine.yaml"), text);
  }

  private JsonNode plan(Object... more) {
    Object[] all = new Object[more.length + 4];
    System.arraycopy(new Object[] {"plan", "--model", model, "--json"}, 0, all, 0, 4);
    System.arraycopy(more, 0, all, 4, more.length);
    CommandRun run = CommandRun.of(all);
    assertEquals(0, run.exit(), run.err());
    return new JsonMapper().readTree(run.out());
  }

  @Test
  void listsAllAndThoseForAModel() {
    String all = CommandRun.of("recipes").out();
    RecipeLibrary.all().forEach(entry -> assertTrue(all.contains(entry.description()), all));
    String fitting = CommandRun.of("recipes", "--model", model).out();
    assertTrue(fitting.contains("fp8-per-token"), fitting);
    assertFalse(fitting.contains("deepseek"), fitting);
  }

  @Test
  void whatIsPrintedIsARecipe() {
    for (RecipeLibrary.Entry entry : RecipeLibrary.all()) {
      CommandRun run = CommandRun.of("recipes", entry.name());
      assertEquals(entry.config(), Recipes.parse(run.out(), "printed"));
    }
  }

  @Test
  void everyRecipesOptionsAreOptionsOfTheCommand() {
    for (RecipeLibrary.Entry entry : RecipeLibrary.all()) {
      if (entry.fits("llama")) {
        JsonNode plan = plan("--recipe", entry.name());
        assertEquals(entry.name(), plan.get("configs").get(0).get("name").asString());
      }
    }
  }

  @Test
  void optionsInARecipeCountUnlessTyped() throws IOException {
    Path file =
        recipe(
            """
            metadata: {name: mine}
            base: FP8_DEFAULT
            options:
              samples: 3
              max-length: 16
              exclude: ["*o_proj", "*down_proj"]
              reference-rounding: true
              resume: false
              guard: [perplexity:2]
            """);
    JsonNode written = plan("--recipe", file);
    assertEquals(48, written.get("calibration").get("tokens").asInt());
    List<String> plain =
        written
            .get("configs")
            .get(0)
            .get("linears")
            .valueStream()
            .filter(linear -> !linear.has("weight"))
            .map(linear -> linear.get("name").asString())
            .filter(name -> name.startsWith("model.layers.0."))
            .toList();
    assertEquals(List.of("model.layers.0.self_attn.o_proj", "model.layers.0.mlp.down_proj"), plain);
    JsonNode typed = plan("--recipe", file, "--samples=5");
    assertEquals(80, typed.get("calibration").get("tokens").asInt());
  }

  @Test
  void guardrailsAreASectionOfARecipe() throws IOException {
    Path file =
        recipe(
            """
            metadata: {name: too-much}
            base: INT4_BLOCKWISE_WEIGHT_ONLY
            options:
              guard: [perplexity:0.001]
            """);
    Path out = directory.resolve("out");
    CommandRun run = CommandRun.of("quantize", "--model", model, "--recipe", file, "--out", out);
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("too-much is not published"), run.err());
    assertFalse(Files.exists(out));
  }

  @Test
  void whatWasMeasuredForALimitIsInTheReport() {
    Path out = directory.resolve("out");
    CommandRun run = CommandRun.quantize(model, out, "--guard", "perplexity:50");
    assertEquals(0, run.exit(), run.err());
    JsonNode report =
        new JsonMapper().readTree(directory.resolve("out.report").resolve("report.json"));
    JsonNode perplexity = report.get("evaluations").get(0);
    assertEquals("Perplexity", perplexity.get("name").asString());
    assertTrue(perplexity.get("before").asDouble() > 20, perplexity.toString());
    assertTrue(perplexity.get("after").asDouble() > 20, perplexity.toString());
  }

  @Test
  void mistakesAreNamed() throws IOException {
    Path unknown = recipe("metadata: {name: a}\nbase: FP8_DEFAULT\noptions: {smaples: 3}\n");
    CommandRun run = CommandRun.of("plan", "--model", model, "--recipe", unknown);
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("\"smaples\""), run.err());
    assertTrue(run.err().contains("--samples"), run.err());
    run = CommandRun.of("plan", "--model", model, "--recipe", "fp9");
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("no recipe of that name; there are fp8,"), run.err());
  }

  @Test
  void dryRunWritesNothing() {
    Path out = directory.resolve("out");
    CommandRun run = CommandRun.quantize(model, out, "--dry-run", "--recipe", "nvfp4");
    assertEquals(0, run.exit(), run.err());
    assertTrue(run.out().contains("bits per weight"), run.out());
    assertFalse(Files.exists(out));
  }

  @Test
  void completionKnowsCommandsAndOptions() {
    String script = CommandRun.of("completion").out();
    assertTrue(script.contains("--activation-memory"), "options are in the script");
    assertTrue(script.contains("NVFP4_DEFAULT"), "values are in the script");
  }
}
