package org.modelopt.models.family;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.modelopt.models.decoder.RotaryScaling;
import org.modelopt.models.decoder.RotarySpec;
import org.modelopt.models.hf.HfConfig;

/**
 * Reads the rotary embedding from config.json in either style: {@code rope_parameters} (one object
 * with {@code rope_theta} and {@code rope_type}), or {@code rope_theta} beside {@code rope_scaling}
 * (whose {@code rope_type} was once called {@code type}).
 */
final class RotaryFields {
  private final HfConfig config;
  private final Optional<HfConfig> section;
  private final double defaultTheta;

  private RotaryFields(HfConfig config, Optional<HfConfig> section, double defaultTheta) {
    this.config = config;
    this.section = section;
    this.defaultTheta = defaultTheta;
  }

  /**
   * The rotary embedding of all layers.
   *
   * @param headSize elements of a head
   * @param defaultTheta base of the family where the config has none
   */
  static RotarySpec read(HfConfig config, int headSize, double defaultTheta) {
    Optional<HfConfig> section =
        config.section("rope_parameters").or(() -> config.section("rope_scaling"));
    return new RotaryFields(config, section, defaultTheta).read(headSize);
  }

  /**
   * The rotary embedding of layers of one type, where {@code rope_parameters} has an object for
   * each; empty if it has none for this type.
   *
   * @param layerType as in {@code layer_types}
   */
  static Optional<RotarySpec> readOfType(
      HfConfig config, String layerType, int headSize, double defaultTheta) {
    return config
        .section("rope_parameters")
        .flatMap(all -> all.section(layerType))
        .map(own -> new RotaryFields(config, Optional.of(own), defaultTheta).read(headSize));
  }

  private RotarySpec read(int headSize) {
    double partial =
        section
            .map(s -> s.findNumber("partial_rotary_factor"))
            .filter(value -> value.isPresent())
            .orElseGet(() -> config.findNumber("partial_rotary_factor"))
            .orElse(1);
    int dims = (int) (headSize * partial);
    if (dims < 2 || dims % 2 != 0 || dims > headSize) {
      throw config.unusable(
          config.has("partial_rotary_factor") ? "partial_rotary_factor" : "head_dim",
          "such that an even number of elements of a head is rotated, not " + dims);
    }
    double theta =
        section
            .map(s -> s.findNumber("rope_theta"))
            .filter(value -> value.isPresent())
            .orElseGet(() -> config.findNumber("rope_theta"))
            .orElse(defaultTheta);
    if (!(theta > 1)) {
      throw config.unusable("rope_theta", "a number greater than 1");
    }
    RotaryScaling scaling = section.map(s -> scaling(s, dims)).orElseGet(RotaryScaling.None::new);
    return new RotarySpec(dims, theta, scaling);
  }

  private RotaryScaling scaling(HfConfig s, int dims) {
    String key = s.has("rope_type") ? "rope_type" : "type";
    String type = s.findText(key).orElse("default");
    // Early Phi-3 configs say yarn and give LongRoPE's factors.
    return switch (type.equals("yarn") && s.has("short_factor") ? "longrope" : type) {
      case "default" -> new RotaryScaling.None();
      case "linear" -> new RotaryScaling.Linear(factor(s));
      case "dynamic" ->
          new RotaryScaling.Dynamic(factor(s), config.count("max_position_embeddings"));
      case "llama3" ->
          new RotaryScaling.Llama3(
              factor(s),
              s.number("low_freq_factor"),
              s.number("high_freq_factor"),
              s.count("original_max_position_embeddings"));
      case "yarn" -> yarn(s);
      case "longrope", "su" -> longRope(s, dims);
      default -> throw s.unusable(key, "one of default, linear, dynamic, llama3, yarn, longrope");
    };
  }

  private RotaryScaling yarn(HfConfig s) {
    double factor = factor(s);
    double all = s.findNumber("mscale_all_dim").orElse(0);
    double one = s.findNumber("mscale").orElse(0);
    double recommended =
        one != 0 && all != 0
            ? RotaryScaling.Yarn.magnitude(factor, one) / RotaryScaling.Yarn.magnitude(factor, all)
            : RotaryScaling.Yarn.magnitude(factor, 1);
    return new RotaryScaling.Yarn(
        factor,
        originalPositions(s),
        s.findNumber("beta_fast").orElse(32),
        s.findNumber("beta_slow").orElse(1),
        s.flag("truncate", true),
        s.findNumber("attention_factor").orElse(recommended));
  }

  private RotaryScaling longRope(HfConfig s, int dims) {
    int original = originalPositions(s);
    double ratio =
        s.findNumber("factor")
            .orElseGet(() -> (double) config.count("max_position_embeddings") / original);
    double recommended = ratio <= 1 ? 1 : Math.sqrt(1 + Math.log(ratio) / Math.log(original));
    return new RotaryScaling.LongRope(
        factors(s, "short_factor", dims),
        factors(s, "long_factor", dims),
        original,
        s.findNumber("attention_factor").orElse(recommended));
  }

  private static List<Double> factors(HfConfig s, String field, int dims) {
    List<Double> factors = s.findNumbers(field).orElseThrow(() -> s.missing(field));
    if (factors.size() != dims / 2) {
      throw s.unusable(field, "a list of %d numbers, not %d".formatted(dims / 2, factors.size()));
    }
    return factors;
  }

  private static double factor(HfConfig s) {
    double factor = s.number("factor");
    if (!(factor >= 1)) {
      throw s.unusable("factor", "a number not below 1");
    }
    return factor;
  }

  /** Length of pre-training: in the section, beside it, or the largest position there is. */
  private int originalPositions(HfConfig s) {
    String field = "original_max_position_embeddings";
    OptionalInt here = s.findCount(field);
    OptionalInt beside = here.isPresent() ? here : config.findCount(field);
    return beside.isPresent() ? beside.getAsInt() : config.count("max_position_embeddings");
  }
}
