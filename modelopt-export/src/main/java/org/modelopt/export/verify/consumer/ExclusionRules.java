package org.modelopt.export.verify.consumer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * How each consumer matches exclusion lists against layers.
 *
 * <p>Source: vLLM, {@code layers/quantization/modelopt.py} and {@code utils/quant_utils.py};
 * SGLang, {@code layers/quantization/modelopt_quant.py}; TensorRT-LLM, {@code
 * models/modeling_utils.py}.
 */
final class ExclusionRules {
  private static final String WRAPPER = "language_model.";

  private ExclusionRules() {}

  /** Shell patterns on the names in the checkpoint: what the writer of the list means. */
  static ExclusionRule shellOnNames(List<String> entries) {
    Predicate<String> any = anyOf(entries, Wildcards::shell);
    return layer -> excluded(any.test(layer.module().path()));
  }

  /**
   * vLLM for ModelOpt, in three steps on the path of the joined layer: (1) exact name, where all
   * joined layers must agree; (2) any part of the path; (3) shell pattern. For models with name
   * mapping an entry {@code name*} was replaced by {@code name} and {@code name.*} before, which
   * matters for entries that end within a name.
   */
  static ExclusionRule vllmModelOpt(List<String> entries) {
    List<String> expanded = new ArrayList<>();
    for (String entry : entries) {
      if (entry.length() >= 2 && entry.endsWith("*") && !entry.endsWith(".*")) {
        String stem = entry.substring(0, entry.length() - 1);
        expanded.add(stem);
        expanded.add(stem + ".*");
      } else {
        expanded.add(entry);
      }
    }
    ExclusionRule mapped = vllmModelOptUnmapped(expanded);
    ExclusionRule plain = vllmModelOptUnmapped(entries);
    return layer -> {
      Exclusion first = mapped.of(layer);
      return first == plain.of(layer) ? first : Exclusion.UNCERTAIN;
    };
  }

  private static ExclusionRule vllmModelOptUnmapped(List<String> entries) {
    ExclusionRule exact = vllmExact(entries);
    Predicate<String> shell = anyOf(entries, Wildcards::shell);
    return layer -> {
      Exclusion named = exact.of(layer);
      if (named != Exclusion.INCLUDED) {
        return named;
      }
      String path = layer.path();
      return excluded(isPart(entries, path) || shell.test(path));
    };
  }

  private static boolean isPart(List<String> entries, String path) {
    String inner = path.startsWith(WRAPPER) ? path.substring(WRAPPER.length()) : path;
    return entries.stream()
        .anyMatch(e -> !e.equals(path) && (path.contains(e) || inner.contains(e)));
  }

  /** vLLM's exact names: joined layers must agree, and one expert stands for all of its block. */
  static ExclusionRule vllmExact(List<String> entries) {
    return layer ->
        layer.isExpert()
            ? excluded(
                entries.stream().anyMatch(e -> e.contains("experts") && e.contains(layer.path())))
            : agreeing(layer, entries::contains);
  }

  /**
   * SGLang for ModelOpt: an entry, with {@code *} for anything, must match the whole path or one
   * whole dotted part of it; or an entry without {@code *} must be a run of whole parts of each
   * joined layer's name.
   */
  static ExclusionRule sglangModelOpt(List<String> entries) {
    Predicate<String> whole = anyOf(entries, Wildcards::starsOnly);
    return layer -> {
      String path = layer.path();
      String inner = path.startsWith(WRAPPER) ? path.substring(WRAPPER.length()) : path;
      if (whole.test(path)
          || whole.test(inner)
          || List.of(path.split("\\.")).stream().anyMatch(whole)) {
        return Exclusion.EXCLUDED;
      }
      return agreeing(layer, shard -> entries.stream().anyMatch(e -> hasParts(shard, e)));
    };
  }

  private static boolean hasParts(String path, String entry) {
    return !entry.isEmpty() && ("." + path + ".").contains("." + entry + ".");
  }

  /** TensorRT-LLM: case-sensitive shell patterns; one joined layer that matches excludes all. */
  static ExclusionRule tensorRtLlm(List<String> entries) {
    Predicate<String> any = anyOf(entries, Wildcards::shell);
    return layer -> excluded(any.test(layer.path()) || layer.shards().stream().anyMatch(any));
  }

  private static Exclusion agreeing(BuiltLayer layer, Predicate<String> isExcluded) {
    if (!layer.isJoined()) {
      return excluded(isExcluded.test(layer.path()));
    }
    long count = layer.shards().stream().filter(isExcluded).count();
    return count == 0
        ? Exclusion.INCLUDED
        : count == layer.shards().size() ? Exclusion.EXCLUDED : Exclusion.SPLIT;
  }

  private static Exclusion excluded(boolean yes) {
    return yes ? Exclusion.EXCLUDED : Exclusion.INCLUDED;
  }

  private static Predicate<String> anyOf(List<String> entries, Function<String, Pattern> compiler) {
    List<Pattern> patterns = entries.stream().map(compiler).toList();
    return text -> patterns.stream().anyMatch(pattern -> pattern.matcher(text).matches());
  }
}
