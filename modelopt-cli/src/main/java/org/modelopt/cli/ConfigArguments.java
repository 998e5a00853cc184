package org.modelopt.cli;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.modelopt.config.Config;
import org.modelopt.config.Recipes;
import org.modelopt.error.ConfigException;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import picocli.CommandLine.Option;

/** What to quantize to: one or several configs. */
final class ConfigArguments {
  private static final String NONE = "none";

  @Option(
      names = "--config",
      paramLabel = "NAME",
      completionCandidates = Presets.class,
      description =
          "Preset to quantize to; repeatable. Default: FP8_DEFAULT. One of"
              + " ${COMPLETION-CANDIDATES}.")
  private List<String> presets = new ArrayList<>();

  @Option(
      names = "--recipe",
      paramLabel = "FILE|NAME",
      description =
          "YAML file that says what to quantize to, and which of these options to use, or the name"
              + " of a recipe that \"modelopt recipes\" lists; repeatable, also beside --config.")
  private List<String> recipes = new ArrayList<>();

  @Option(
      names = "--kv-cache",
      paramLabel = "fp8|fp8_cast|nvfp4|nvfp4_cast|none",
      description =
          "Format of the KV cache; HuggingFace exports take fp8 and fp8_cast. With _cast no scales"
              + " are calibrated: that of fp8 is 1. Default: what config or recipe say.")
  private String kvCache = "";

  @Option(
      names = "--exclude",
      paramLabel = "PATTERN",
      description = "Modules to leave as they are, for example \"*down_proj\"; repeatable.")
  private List<String> excluded = new ArrayList<>();

  @Option(
      names = "--reference-rounding",
      description =
          "Round weights as the Python reference does on a GPU, to get its bytes; some codes are"
              + " then one step from the nearest.")
  private boolean referenceRounding;

  /** Names of the presets, for the help text. */
  static final class Presets implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Config.presets().stream().map(Config::name).iterator();
    }
  }

  /** Whether anything was asked for. */
  boolean isGiven() {
    return !presets.isEmpty() || !recipes.isEmpty() || !kvCache.isEmpty();
  }

  /** The configs, presets first, each with its own name. */
  List<Config> configs() {
    List<String> names = presets.isEmpty() && recipes.isEmpty() ? List.of("FP8_DEFAULT") : presets;
    List<Config> configs =
        Stream.concat(
                names.stream().map(name -> Config.preset(name.toUpperCase(Locale.ROOT))),
                recipes.stream().map(ConfigArguments::read))
            .map(this::changed)
            .toList();
    for (int i = 0; i < configs.size(); i++) {
      String name = configs.get(i).name();
      if (configs.subList(0, i).stream().anyMatch(other -> other.name().equals(name))) {
        throw new ConfigException(
            "two configs are called " + name + "; give the recipe another name in its metadata");
      }
    }
    return configs;
  }

  private static Config read(String recipe) {
    RecipeText text = RecipeText.of(recipe);
    return Recipes.parse(text.text(), text.source());
  }

  private Config changed(Config config) {
    Config result = config;
    if (kvCache.equalsIgnoreCase(NONE)) {
      result = result.withoutKvCache();
    } else if (!kvCache.isEmpty()) {
      result = result.withKvCache(kvCache.toLowerCase(Locale.ROOT));
    }
    for (String pattern : excluded) {
      result = result.withoutModules(pattern);
    }
    return referenceRounding
        ? result.withWeightConversion(Conversion.DEFAULT.withArithmetic(Arithmetic.TORCH_CUDA))
        : result;
  }
}
