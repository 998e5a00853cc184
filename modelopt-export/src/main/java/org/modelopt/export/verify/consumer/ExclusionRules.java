package org.modelopt.export.verify.consumer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.modelopt.export.verify.checkpoint.ExportDirectory;
import org.modelopt.export.verify.config.CompressedTensorsSettings;
import org.modelopt.export.verify.config.GptqSettings;

/**
 * How each consumer matches exclusion lists against layers.
 *
 * <p>Source: vLLM, {@code layers/quantization/modelopt.py} and {@code utils/quant_utils.py};
 * SGLang, {@code layers/quantization/modelopt_quant.py}; TensorRT-LLM, {@code
 * models/modeling_utils.py}.
 */
final class ExclusionRules {
  private static final String MODEL = "model.";
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

  /** AutoAWQ in vLLM: an entry is any part of a layer's name, and joined layers must agree. */
  static ExclusionRule vllmSubstring(List<String> entries) {
    Predicate<String> any = name -> entries.stream().anyMatch(name::contains);
    return layer -> agreeing(layer, any);
  }

  /** AutoAWQ in SGLang: an entry is any part of the path under which a layer is built. */
  static ExclusionRule sglangSubstring(List<String> entries) {
    return layer -> excluded(entries.stream().anyMatch(layer.path()::contains));
  }

  /** Any part of the name in the checkpoint: what the writer of an AWQ list means. */
  static ExclusionRule substringOfNames(List<String> entries) {
    return layer -> excluded(entries.stream().anyMatch(layer.module().path()::contains));
  }

  /** Exact names, with {@code model.} in front or without; joined layers must agree. */
  static ExclusionRule exactWithOrWithoutModel(List<String> entries) {
    List<String> names = new ArrayList<>(entries);
    for (String entry : entries) {
      names.add(entry.startsWith(MODEL) ? entry.substring(MODEL.length()) : MODEL + entry);
    }
    return vllmExact(names);
  }

  /** compressed-tensors: exact names or {@code re:} patterns; joined layers must agree. */
  static ExclusionRule compressed(List<String> entries) {
    Predicate<String> any =
        name -> entries.stream().anyMatch(e -> CompressedTensorsSettings.names(e, name));
    return layer ->
        layer.isExpert()
            ? excluded(any.test(layer.module().path()))
            : any.test(layer.path()) ? Exclusion.EXCLUDED : agreeing(layer, any);
  }

  /** transformers: an entry is a pattern of the name's beginning, or the name's end. */
  static ExclusionRule transformers(List<String> entries) {
    List<Pattern> patterns = entries.stream().map(Wildcards::regex).toList();
    return layer -> {
      String name = layer.module().path();
      return excluded(
          patterns.stream().anyMatch(pattern -> pattern.matcher(name).lookingAt())
              || entries.stream().anyMatch(name::endsWith));
    };
  }

  /**
   * GPTQ: a layer is quantized if its tensors are, unless the configuration lists the quantized
   * layers; patterns with a minus in front exclude.
   */
  static ExclusionRule gptq(GptqSettings settings, ExportDirectory directory) {
    List<Pattern> negative =
        settings.dynamic().stream()
            .filter(entry -> entry.startsWith("-:"))
            .map(entry -> Wildcards.regex(entry.substring("-:".length())))
            .toList();
    return layer -> {
      String path = layer.module().path();
      if (negative.stream().anyMatch(pattern -> pattern.matcher(path).lookingAt())) {
        return Exclusion.EXCLUDED;
      }
      return settings.only().isEmpty()
          ? excluded(directory.find(path + ".weight").isPresent())
          : excluded(settings.only().stream().noneMatch(path::contains));
    };
  }

  /** No list: nothing is excluded. */
  static ExclusionRule none() {
    return layer -> Exclusion.INCLUDED;
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
