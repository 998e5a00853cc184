package org.modelopt.config;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.error.ConfigException;
import org.modelopt.model.CacheSite;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;

/**
 * A config held against a model: what every module gets. Making a plan runs nothing and reads no
 * weights.
 *
 * <p>Experts that are stored stacked ({@link Linear.Role#STACKED_EXPERT}) get what rules say only
 * if that is an MXFP4 weight with an input as it is, the one form that readers take them in; else
 * they stay as they are.
 *
 * @param linears every linear of the model in order of execution
 * @param caches every cache site of the model in order of execution
 */
public record Plan(List<PlannedLinear> linears, List<PlannedCache> caches) {
  /**
   * A linear and its formats; what is empty stays as it is.
   *
   * @param linear the linear
   * @param weight format of its weight
   * @param dequantizedWeight format of what the weight's codes stand for, for kernels that compute
   *     in it
   * @param input format of its input
   */
  public record PlannedLinear(
      Linear linear,
      Optional<QuantSpec> weight,
      Optional<QuantSpec> dequantizedWeight,
      Optional<QuantSpec> input) {}

  /** A linear that stays as it is. */
  public static PlannedLinear unquantized(Linear linear) {
    return new PlannedLinear(linear, Optional.empty(), Optional.empty(), Optional.empty());
  }

  /**
   * A cache site and its format.
   *
   * @param site the site
   * @param spec its format, empty to leave it as it is
   * @param cast whether it is cast without a calibrated range, see {@link Target#KV_CACHE_CAST}
   */
  public record PlannedCache(CacheSite site, Optional<QuantSpec> spec, boolean cast) {}

  /** Copies the lists. */
  public Plan {
    linears = List.copyOf(linears);
    caches = List.copyOf(caches);
  }

  /**
   * Applies the rules of {@code config} to the modules of {@code model}.
   *
   * @throws ConfigException if a rule that must match fits no module, or nothing is quantized
   */
  public static Plan of(Model model, Config config) {
    return of(
        model.name(),
        model.linears().toList(),
        model.layers().stream().flatMap(layer -> layer.cacheSites().stream()).toList(),
        config);
  }

  /**
   * Applies the rules of {@code config} to given modules.
   *
   * @param model name of the model, for messages
   * @throws ConfigException as {@link #of(Model, Config)}
   */
  public static Plan of(String model, List<Linear> linears, List<CacheSite> sites, Config config) {
    Map<String, QuantSpec> weights = new LinkedHashMap<>();
    Map<String, QuantSpec> dequantized = new LinkedHashMap<>();
    Map<String, QuantSpec> inputs = new LinkedHashMap<>();
    Map<String, QuantSpec> caches = new LinkedHashMap<>();
    Set<String> cast = new HashSet<>();
    for (Rule rule : config.rules()) {
      Predicate<String> fits = Glob.of(rule.pattern());
      List<Linear> fitting = linears.stream().filter(l -> fits.test(l.name())).toList();
      List<String> names =
          fitting.stream().filter(l -> l.role().isQuantizable()).map(Linear::name).toList();
      List<String> cached = sites.stream().map(CacheSite::name).filter(fits).toList();
      boolean matched = rule.spec().isEmpty() && !fitting.isEmpty();
      for (Target target : rule.targets()) {
        matched |=
            switch (target) {
              case WEIGHT -> assign(rule, names, weights) && reaches(rule, target, fitting);
              case DEQUANTIZED_WEIGHT ->
                  assign(rule, names, dequantized) && reaches(rule, target, fitting);
              case INPUT -> assign(rule, names, inputs) && reaches(rule, target, fitting);
              case KV_CACHE -> {
                cached.forEach(cast::remove);
                yield assign(rule, cached, caches);
              }
              case KV_CACHE_CAST -> {
                cast.addAll(cached);
                yield assign(rule, cached, caches);
              }
            };
      }
      if (rule.mustMatch() && !matched) {
        refuseFixed(config, rule, fitting);
        throw new ConfigException(
            "config %s: pattern \"%s\" fits no module of %s; nearest: %s; its modules end in: %s"
                .formatted(
                    config.name(),
                    rule.pattern(),
                    model,
                    Nearest.modules(rule.pattern(), linears.stream().map(Linear::name).toList()),
                    endings(linears)));
      }
    }
    for (Linear linear : linears) {
      String name = linear.name();
      if (linear.role() == Linear.Role.STACKED_EXPERT
          && (!isStackable(Optional.ofNullable(weights.get(name)))
              || dequantized.containsKey(name)
              || inputs.containsKey(name))) {
        List.of(weights, dequantized, inputs).forEach(specs -> specs.remove(name));
      }
    }
    if (weights.isEmpty() && inputs.isEmpty() && caches.isEmpty()) {
      throw new ConfigException(
          "config %s quantizes nothing of %s: its rules fit none of the linears, which end in %s; take another config"
              .formatted(config.name(), model, endings(linears)));
    }
    List<PlannedLinear> planned = new ArrayList<>();
    for (Linear linear : linears) {
      planned.add(
          new PlannedLinear(
              linear,
              Optional.ofNullable(weights.get(linear.name())),
              Optional.ofNullable(dequantized.get(linear.name()))
                  .filter(spec -> weights.containsKey(linear.name())),
              Optional.ofNullable(inputs.get(linear.name()))));
    }
    return new Plan(
        planned,
        sites.stream()
            .map(site ->
                new PlannedCache(
                    site, Optional.ofNullable(caches.get(site.name())), cast.contains(site.name())))
            .toList());
  }

  private static boolean assign(Rule rule, List<String> names, Map<String, QuantSpec> specs) {
    for (String name : names) {
      rule.spec().ifPresentOrElse(spec -> specs.put(name, spec), () -> specs.remove(name));
    }
    return !names.isEmpty();
  }

  /** Whether a rule has a say about one of these linears. */
  private static boolean reaches(Rule rule, Target target, List<Linear> fitting) {
    return fitting.stream()
        .anyMatch(linear ->
            switch (linear.role()) {
              case PROJECTION, EXPERT -> true;
              case STACKED_EXPERT ->
                  rule.spec().isEmpty() || (target == Target.WEIGHT && isStackable(rule.spec()));
              case ROUTER -> false;
            });
  }

  /** Whether readers take experts that are stacked in this format: MXFP4, by any rule of scales. */
  private static boolean isStackable(Optional<QuantSpec> spec) {
    return spec.filter(s -> s.scaleFormat() == QuantSpec.MXFP4.scaleFormat())
        .map(s -> s.withScaleRule(QuantSpec.MXFP4.scaleRule()))
        .filter(QuantSpec.MXFP4::equals)
        .isPresent();
  }

  /** A pattern that fits only linears which stay as they are deserves to be told so. */
  private static void refuseFixed(Config config, Rule rule, List<Linear> fitting) {
    if (!fitting.isEmpty() && rule.spec().isPresent()) {
      throw new ConfigException(
          "config %s: pattern \"%s\" fits only linears that are never quantized so, for example %s, %s;"
                  .formatted(
                      config.name(),
                      rule.pattern(),
                      fitting.getFirst().name(),
                      fitting.getFirst().role() == Linear.Role.ROUTER
                          ? "a router"
                          : "an expert stored stacked with the others, which may have an MXFP4"
                              + " weight and nothing else")
              + " take the rule out");
    }
  }

  private static String endings(List<Linear> linears) {
    return linears.stream()
        .map(linear -> linear.name().substring(linear.name().lastIndexOf('.') + 1))
        .distinct()
        .limit(20)
        .collect(Collectors.joining(", "));
  }

  /** Planned linears with a quantized weight. */
  public Stream<PlannedLinear> quantized() {
    return linears.stream().filter(planned -> planned.weight().isPresent());
  }

  /**
   * Whether any input or cache needs to be observed: has a format with a calibrated scale. What the
   * algorithm wants to see beyond that is {@link Algorithm#needsInputs()}.
   */
  public boolean needsCalibration() {
    return Stream.concat(
            linears.stream().map(PlannedLinear::input),
            caches.stream().filter(cache -> !cache.cast()).map(PlannedCache::spec))
        .flatMap(Optional::stream)
        .anyMatch(Plan::isCalibrated);
  }

  /**
   * Whether activations of this format have a scale that calibration finds: all static formats, and
   * dynamic ones whose block scales stand under a global scale.
   */
  public static boolean isCalibrated(QuantSpec spec) {
    return !spec.dynamic() || spec.scaleFormat() == ScaleFormat.E4M3_WITH_GLOBAL_F32;
  }
}
