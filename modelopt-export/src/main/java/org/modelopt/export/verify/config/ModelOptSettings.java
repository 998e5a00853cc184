package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.modelopt.export.verify.config.ModelOptView.LayerAlgorithm;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.ModelOptSchemes;
import org.modelopt.export.verify.scheme.Scheme;
import tools.jackson.databind.JsonNode;

/**
 * A ModelOpt checkpoint: described in {@code config.json}, in {@code hf_quant_config.json}, or, as
 * it should be, alike in both.
 *
 * @param inline what {@code config.json} says
 * @param file what {@code hf_quant_config.json} says
 * @param view what counts where both are there: {@code config.json}, completed by the other
 */
public record ModelOptSettings(
    Optional<ModelOptView> inline, Optional<ModelOptView> file, ModelOptView view)
    implements QuantizationSettings {
  /** The algorithm that leaves the choice to each layer. */
  public static final String MIXED = "MIXED_PRECISION";

  private static final String FILE = "hf_quant_config.json";

  private static final Violation DISAGREE =
      new Violation(
          "the two quantization configurations disagree",
          "vLLM and SGLang follow config.json, TensorRT-LLM follows hf_quant_config.json",
          "write both from the same values");
  private static final Violation UNKNOWN =
      new Violation(
          "unknown quant_algo",
          "consumers refuse an algorithm that they do not know",
          "use a name that ModelOpt writes");
  private static final Violation NO_ALGORITHM =
      new Violation(
          "no quant_algo for a layer",
          "consumers take a layer without a known algorithm for an unquantized one",
          "name the algorithm of each entry of quantized_layers");

  /** Reads what is there and compares the two descriptions. */
  static ModelOptSettings read(
      Optional<JsonNode> inline, Optional<JsonNode> file, Findings findings) {
    Optional<ModelOptView> first = inline.map(ModelOptView::read);
    Optional<ModelOptView> second = file.map(ModelOptView::read);
    if (first.isPresent() && second.isPresent()) {
      compare(first.get(), second.get(), findings);
    }
    ModelOptView view = first.isPresent() ? first.get().completedBy(second) : second.orElseThrow();
    ModelOptSettings settings = new ModelOptSettings(first, second, view);
    settings.checkAlgorithms(findings);
    return settings;
  }

  private static void compare(ModelOptView inline, ModelOptView file, Findings findings) {
    same("quant_algo", inline.algorithm(), file.algorithm(), findings);
    same("kv_cache_quant_algo", inline.kvCache(), file.kvCache(), findings);
    if (inline.groupSize() != 0 && file.groupSize() != 0) {
      same("group_size", inline.groupSize(), file.groupSize(), findings);
    }
    same("exclude_modules", sorted(inline.exclusions()), sorted(file.exclusions()), findings);
    same("quantized_layers", inline.layers(), file.layers(), findings);
  }

  private static List<String> sorted(Optional<List<String>> names) {
    return names.orElse(List.of()).stream().sorted().distinct().toList();
  }

  private static void same(String key, Object inline, Object file, Findings findings) {
    if (!inline.equals(file)) {
      findings.error(DISAGREE, Place.file(FILE + " " + key), inline + ", as in config.json", file);
    }
  }

  private void checkAlgorithms(Findings findings) {
    String algorithm = view.algorithm();
    if (isMixed()) {
      for (Map.Entry<String, LayerAlgorithm> entry : view.layers().entrySet()) {
        if (scheme(entry.getKey()).isEmpty()) {
          findings.error(
              NO_ALGORITHM,
              Place.tensor(entry.getKey(), place()),
              "a known quant_algo",
              entry.getValue().algorithm());
        }
      }
    } else if (ModelOptSchemes.of(algorithm, view.groupSize()).isEmpty()) {
      findings.error(
          UNKNOWN,
          Place.file(place()),
          ModelOptSchemes.algorithms(),
          algorithm.isEmpty() ? "none" : algorithm);
    }
  }

  /** Where the description is, for findings. */
  public String place() {
    return inline.isPresent() ? "config.json quantization_config" : FILE;
  }

  /** Whether each layer has an algorithm of its own. */
  public boolean isMixed() {
    return upper(view.algorithm()).equals(MIXED);
  }

  @Override
  public String method() {
    return "modelopt";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    if (!isMixed()) {
      return ModelOptSchemes.of(view.algorithm(), view.groupSize());
    }
    return Optional.ofNullable(view.layers().get(module))
        .flatMap(layer -> ModelOptSchemes.of(layer.algorithm(), layer.groupSize()));
  }

  @Override
  public List<String> exclusions() {
    return view.exclusions().orElse(List.of());
  }

  @Override
  public String kvCache() {
    return view.kvCache();
  }

  private static String upper(String algorithm) {
    return algorithm.toUpperCase(Locale.ROOT);
  }
}
