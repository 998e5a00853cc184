package org.modelopt.config;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.modelopt.error.ConfigException;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;

/**
 * Configs as YAML 1.2 text. Reading what {@link #write} gave yields an equal config. Unknown keys
 * and wrong values are errors that name the line, what is allowed and the nearest name.
 *
 * <pre>
 * metadata:
 *   name: "my-recipe"
 * base: FP8_DEFAULT
 * rules:
 *   - modules: "*down_proj"
 *     tensors: [weight, input]
 *     format: none
 * algorithm:
 *   method: max
 * kv_cache: fp8
 * options:
 *   samples: 1024
 *   guard: [perplexity:1, kl:0.02]
 * </pre>
 *
 * <p>{@code options} are for the command that reads the recipe, see {@link #options}.
 */
public final class Recipes {
  private static final String NONE = "none";
  private static final String OPTIONS = "options";
  private static final Set<String> METADATA = Set.of("name", "description", "models");

  private Recipes() {}

  /**
   * Reads a recipe file.
   *
   * @throws ConfigException if the file cannot be read or is no recipe
   */
  public static Config read(Path file) {
    try {
      return parse(Files.readString(file, StandardCharsets.UTF_8), file.toString());
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e, e);
    }
  }

  /**
   * Reads recipe text.
   *
   * @param source name of the text in messages
   * @throws ConfigException if it is no recipe
   */
  public static Config parse(String text, String source) {
    YamlEntry root = YamlEntry.parse(text, source);
    Map<String, YamlEntry> keys =
        root.keys(
            Set.of("metadata", "base", "rules", "algorithm", "kv_cache", "conversion", OPTIONS));
    Optional<Config> base =
        Optional.ofNullable(keys.get("base")).map(entry -> entry.convert(Config::preset));
    List<Rule> rules = new ArrayList<>(base.map(Config::rules).orElse(List.of()));
    YamlEntry list = keys.get("rules");
    if (list != null) {
      list.items().forEach(item -> rules.add(rule(item)));
    } else if (base.isEmpty()) {
      throw root.failure("needs the key \"rules\" or the key \"base\" with the name of a preset");
    }
    Config config =
        new Config(
            name(find(keys, "metadata"), base, root),
            rules,
            find(keys, "algorithm")
                .map(Recipes::algorithm)
                .or(() -> base.map(Config::algorithm))
                .orElseGet(Algorithm.Max::new),
            find(keys, "conversion")
                .map(Recipes::conversion)
                .or(() -> base.map(Config::weightConversion))
                .orElse(Conversion.DEFAULT));
    return find(keys, "kv_cache").map(entry -> entry.convert(config::withKvCache)).orElse(config);
  }

  /**
   * Options of the command that a recipe asks for beside its config, in order: the name without
   * dashes, and its values; one that stands alone has the value {@code true} or {@code false}. They
   * are for whoever reads the recipe to carry out; a {@link Config} does not hold them.
   *
   * @param source name of the text in messages
   * @throws ConfigException if the text is no YAML or the options are no list of names and values
   */
  public static SequencedMap<String, List<String>> options(String text, String source) {
    SequencedMap<String, List<String>> options = new LinkedHashMap<>();
    YamlEntry section = YamlEntry.parse(text, source).mapping().get(OPTIONS);
    if (section != null) {
      section.mapping().forEach((name, value) -> options.put(name, value.texts()));
    }
    return options;
  }

  /** The part of a recipe that says what it is for. */
  static RecipeLibrary.Entry describe(String text, String source) {
    YamlEntry root = YamlEntry.parse(text, source);
    Map<String, YamlEntry> metadata = root.required(root.mapping(), "metadata").keys(METADATA);
    return new RecipeLibrary.Entry(
        root.required(metadata, "name").text(),
        root.required(metadata, "description").text(),
        find(metadata, "models").map(YamlEntry::texts).orElse(List.of()),
        text);
  }

  private static Optional<YamlEntry> find(Map<String, YamlEntry> entries, String key) {
    return Optional.ofNullable(entries.get(key));
  }

  private static String name(Optional<YamlEntry> metadata, Optional<Config> base, YamlEntry root) {
    return metadata
        .flatMap(entry -> find(entry.keys(METADATA), "name"))
        .map(YamlEntry::text)
        .or(() -> base.map(Config::name))
        .orElseThrow(() -> root.failure("needs a name: metadata: {name: my-recipe}"));
  }

  private static Rule rule(YamlEntry item) {
    Map<String, YamlEntry> keys = item.keys(Set.of("modules", "tensors", "format", "optional"));
    Set<Target> targets =
        item.required(keys, "tensors").items().stream()
            .map(entry -> entry.convert(Recipes::target))
            .collect(Collectors.toSet());
    YamlEntry pattern = item.required(keys, "modules");
    pattern.convert(Glob::of);
    Optional<QuantSpec> spec =
        item.required(keys, "format")
            .convert(
                text -> text.equals(NONE) ? Optional.empty() : Optional.of(SpecText.read(text)));
    boolean optional =
        find(keys, "optional").map(entry -> entry.convert(Recipes::flag)).orElse(false);
    return new Rule(pattern.text(), targets, spec, !optional);
  }

  private static Target target(String text) {
    List<String> names = Arrays.stream(Target.values()).map(Recipes::lower).toList();
    return Arrays.stream(Target.values())
        .filter(target -> lower(target).equals(text))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "\"" + text + "\" is no tensor of a module; " + Nearest.suggestion(text, names)));
  }

  private static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  private static boolean flag(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException("\"" + text + "\" is neither true nor false");
    };
  }

  private static Conversion conversion(YamlEntry entry) {
    Map<String, YamlEntry> keys = entry.keys(Set.of("arithmetic", "stochastic_seed", "non_finite"));
    return new Conversion(
        find(keys, "arithmetic")
            .map(value -> value.convert(text -> SpecText.constant(Arithmetic.class, text)))
            .orElse(Conversion.DEFAULT.arithmetic()),
        find(keys, "stochastic_seed")
            .map(value -> value.convert(text -> Rounding.stochastic(Long.parseLong(text))))
            .orElse(Conversion.DEFAULT.rounding()),
        find(keys, "non_finite")
            .map(value -> value.convert(text -> SpecText.constant(NonFinite.class, text)))
            .orElse(Conversion.DEFAULT.nonFinite()));
  }

  private static Map<String, Class<?>> algorithms() {
    return Arrays.stream(Algorithm.class.getPermittedSubclasses())
        .collect(
            Collectors.toMap(
                type -> snake(type.getSimpleName()),
                type -> type,
                (a, b) -> a,
                LinkedHashMap::new));
  }

  private static Algorithm algorithm(YamlEntry entry) {
    Map<String, Class<?>> all = algorithms();
    YamlEntry method = entry.required(entry.mapping(), "method");
    Class<?> type = all.get(method.text());
    if (type == null) {
      throw method.failure(
          "no algorithm \"%s\"; %s"
              .formatted(method.text(), Nearest.suggestion(method.text(), all.keySet())));
    }
    RecordComponent[] components = type.getRecordComponents();
    Set<String> allowed = new TreeSet<>(Set.of("method"));
    Arrays.stream(components).forEach(component -> allowed.add(snake(component.getName())));
    Map<String, YamlEntry> keys = entry.keys(allowed);
    try {
      Object usual = type.getDeclaredConstructor().newInstance();
      Class<?>[] types = new Class<?>[components.length];
      Object[] values = new Object[components.length];
      for (int i = 0; i < components.length; i++) {
        Class<?> valueType = components[i].getType();
        types[i] = valueType;
        YamlEntry value = keys.get(snake(components[i].getName()));
        values[i] =
            value == null
                ? components[i].getAccessor().invoke(usual)
                : value.convert(text -> number(valueType, text));
      }
      return (Algorithm) type.getDeclaredConstructor(types).newInstance(values);
    } catch (InvocationTargetException e) {
      throw entry.failure(String.valueOf(e.getTargetException().getMessage()));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(type + " is not a record of numbers", e);
    }
  }

  private static Object number(Class<?> type, String text) {
    if (type == boolean.class) {
      return flag(text);
    }
    try {
      if (type == int.class) {
        return Integer.parseInt(text);
      }
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "\"%s\" is not a %s".formatted(text, type == int.class ? "whole number" : "number"), e);
    }
  }

  private static String snake(String camel) {
    return camel.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
  }

  /** {@code config} as YAML. */
  public static String write(Config config) {
    StringBuilder yaml = new StringBuilder();
    yaml.append("metadata:\n  name: ").append(quote(config.name())).append('\n');
    List<Rule> rules = new ArrayList<>(config.rules());
    Optional<String> cache = Optional.empty();
    if (!rules.isEmpty()) {
      Rule last = rules.getLast();
      cache = last.spec().flatMap(spec -> cache(last, spec));
      cache.ifPresent(spec -> rules.removeLast());
    }
    yaml.append(rules.isEmpty() ? "rules: []\n" : "rules:\n");
    rules.forEach(rule -> appendRule(yaml, rule));
    appendAlgorithm(yaml, config.algorithm());
    cache.ifPresent(spec -> yaml.append("kv_cache: ").append(spec).append('\n'));
    Conversion conversion = config.weightConversion();
    if (!conversion.equals(Conversion.DEFAULT)) {
      yaml.append("conversion:\n  arithmetic: ").append(conversion.arithmetic().name());
      if (conversion.rounding() instanceof Rounding.Stochastic(long seed)) {
        yaml.append("\n  stochastic_seed: ").append(seed);
      }
      yaml.append("\n  non_finite: ").append(conversion.nonFinite().name()).append('\n');
    }
    return yaml.toString();
  }

  /** The value of {@code kv_cache} that stands for a rule, if one does. */
  private static Optional<String> cache(Rule rule, QuantSpec spec) {
    if (rule.equals(Rule.quantize("*", Target.KV_CACHE, spec))) {
      return Optional.of(format(SpecText.write(spec)));
    }
    return rule.equals(Rule.quantize("*", Target.KV_CACHE_CAST, spec))
        ? Optional.of(format(SpecText.write(spec) + Config.CAST))
        : Optional.empty();
  }

  private static void appendRule(StringBuilder yaml, Rule rule) {
    yaml.append("  - modules: ").append(quote(rule.pattern())).append('\n');
    String targets =
        rule.targets().stream().sorted().map(Recipes::lower).collect(Collectors.joining(", "));
    yaml.append("    tensors: [").append(targets).append("]\n");
    yaml.append("    format: ").append(rule.spec().map(Recipes::format).orElse(NONE)).append('\n');
    if (!rule.mustMatch()) {
      yaml.append("    optional: true\n");
    }
  }

  private static String format(QuantSpec spec) {
    return format(SpecText.write(spec));
  }

  private static String format(String text) {
    return text.indexOf('/') < 0 ? text : quote(text);
  }

  private static void appendAlgorithm(StringBuilder yaml, Algorithm algorithm) {
    yaml.append("algorithm:\n  method: ").append(snake(algorithm.getClass().getSimpleName()));
    yaml.append('\n');
    try {
      for (RecordComponent component : algorithm.getClass().getRecordComponents()) {
        yaml.append("  ").append(snake(component.getName())).append(": ");
        yaml.append(component.getAccessor().invoke(algorithm)).append('\n');
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(algorithm + " is not a record of numbers", e);
    }
  }

  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        quoted.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }
}
