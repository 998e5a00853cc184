package org.modelopt.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** The recipes that come with this library, each a YAML text as {@link Recipes} reads it. */
public final class RecipeLibrary {
  private static final List<String> NAMES =
      List.of(
          "fp8",
          "fp8-per-token",
          "int8-smooth",
          "int8-tuned",
          "int4-awq",
          "int4-gptq",
          "int4-tuned",
          "nvfp4",
          "nvfp4-awq",
          "nvfp4-tuned",
          "nvfp4-mlp",
          "mxfp4",
          "speculative-draft",
          "deepseek-fp8-block",
          "deepseek-nvfp4",
          "mixture-nvfp4",
          "gpt-oss-mxfp4");

  private static final List<Entry> ENTRIES = NAMES.stream().map(RecipeLibrary::load).toList();

  private RecipeLibrary() {}

  /**
   * A recipe.
   *
   * @param name its name, also that of its config
   * @param description what it does, what for, and for which hardware
   * @param modelTypes the {@code model_type}s it is made for; empty for any
   * @param text the YAML
   */
  public record Entry(String name, String description, List<String> modelTypes, String text) {
    /** Copies the types. */
    public Entry {
      modelTypes = List.copyOf(modelTypes);
    }

    /** Whether it is made for models of this type. */
    public boolean fits(String modelType) {
      return modelTypes.isEmpty() || modelTypes.contains(modelType);
    }

    /** What it says about formats and scales. */
    public Config config() {
      return Recipes.parse(text, name);
    }
  }

  /** All recipes: first those for any model, then those for kinds of models. */
  public static List<Entry> all() {
    return ENTRIES;
  }

  /** The recipe called {@code name}. */
  public static Optional<Entry> find(String name) {
    return ENTRIES.stream().filter(entry -> entry.name().equals(name)).findFirst();
  }

  private static Entry load(String name) {
    String file = "recipes/" + name + ".yaml";
    try (InputStream in = RecipeLibrary.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("the resource " + file + " is missing");
      }
      return Recipes.describe(new String(in.readAllBytes(), StandardCharsets.UTF_8), file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
