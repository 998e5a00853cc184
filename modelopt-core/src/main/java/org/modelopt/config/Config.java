package org.modelopt.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.modelopt.error.ConfigException;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;

/**
 * Which modules get which format, and how scales are found; an immutable value. Rules apply in
 * order, a later one overrides an earlier one; what no rule names stays as it is.
 *
 * @param name name for reports and command lines
 * @param rules in order
 * @param algorithm how scales are found
 * @param weightConversion how weights become codes; {@link Conversion#DEFAULT} rounds to the
 *     nearest
 */
public record Config(
    String name, List<Rule> rules, Algorithm algorithm, Conversion weightConversion) {
  /**
   * Modules that quantization leaves alone unless a later rule says otherwise: routers, output
   * heads, convolutions and vision parts. Source: the reference's list of quantizers that are off
   * by default.
   */
  private static final List<Rule> DEFAULT_EXCLUDED =
      Stream.of(
              "*block_sparse_moe.gate*",
              "*linear_attn.conv1d*",
              "*linear_attn.in_proj_a*",
              "*linear_attn.in_proj_b*",
              "*lm_head*",
              "*mixer.conv1d*",
              "*mlp.gate",
              "*mlp.gate.*",
              "*mlp.shared_expert_gate*",
              "*output_layer*",
              "*proj_out",
              "*router*",
              "mtp.*",
              "output",
              "*embed_vision*",
              "*vision_tower*",
              "*visual*",
              "*vision_model*",
              "*multi_modal_projector*")
          .map(pattern -> Rule.exclude(pattern).optional())
          .toList();

  /** FP8 E4M3 weights and inputs, one scale per tensor each, inputs calibrated. */
  public static final Config FP8_DEFAULT =
      preset(
          "FP8_DEFAULT",
          Rule.quantize("*", Target.WEIGHT, QuantSpec.FP8),
          Rule.quantize("*", Target.INPUT, QuantSpec.FP8));

  private static final List<Config> PRESETS = List.of(FP8_DEFAULT);

  /** Copies the rules. */
  public Config {
    rules = List.copyOf(rules);
  }

  private static Config preset(String name, Rule... rules) {
    return new Config(
        name,
        Stream.concat(Stream.of(rules), DEFAULT_EXCLUDED.stream()).toList(),
        new Algorithm.Max(),
        Conversion.DEFAULT);
  }

  /** All presets, in the order of their listing. */
  public static List<Config> presets() {
    return PRESETS;
  }

  /**
   * The preset called {@code name}.
   *
   * @throws ConfigException if there is none; the message lists them
   */
  public static Config preset(String name) {
    return PRESETS.stream()
        .filter(config -> config.name().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new ConfigException(
                "no preset \"%s\"; there are: %s"
                    .formatted(name, PRESETS.stream().map(Config::name).toList())));
  }

  /** A copy with another name. */
  public Config withName(String newName) {
    return new Config(newName, rules, algorithm, weightConversion);
  }

  /** A copy with one more rule, which overrides the earlier ones. */
  public Config withRule(Rule rule) {
    List<Rule> more = new ArrayList<>(rules);
    more.add(rule);
    return new Config(name, more, algorithm, weightConversion);
  }

  /** A copy that leaves weight and input of the modules that fit {@code pattern} as they are. */
  public Config withoutModules(String pattern) {
    return withRule(Rule.exclude(pattern));
  }

  /**
   * A copy whose weights become codes by {@code conversion}; for files that equal those of another
   * tool byte for byte.
   */
  public Config withWeightConversion(Conversion conversion) {
    return new Config(name, rules, algorithm, conversion);
  }

  /** A copy that quantizes the keys and values that attention caches. */
  public Config withKvCache(QuantSpec spec) {
    return withRule(new Rule("*", Set.of(Target.KV_CACHE), Optional.of(spec), true));
  }
}
