package org.modelopt.config;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.error.ConfigException;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
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
  static final String CAST = "_cast";

  /** INT8 weights per output channel, inputs per tensor, calibrated. */
  public static final Config INT8_DEFAULT =
      Presets.of("INT8_DEFAULT", new Algorithm.Max(), "int8_per_channel", "int8");

  /** INT8 with the magnitude of outlying input channels moved into the weights. */
  public static final Config INT8_SMOOTHQUANT =
      Presets.of("INT8_SMOOTHQUANT", new Algorithm.SmoothQuant(), "int8_per_channel", "int8");

  /** INT8 weights per output channel. */
  public static final Config INT8_WEIGHT_ONLY =
      Presets.weightOnly("INT8_WEIGHT_ONLY", new Algorithm.Max(), "int8_per_channel");

  /** FP8 E4M3 weights and inputs, one scale per tensor each, inputs calibrated. */
  public static final Config FP8_DEFAULT =
      Presets.of("FP8_DEFAULT", new Algorithm.Max(), "fp8", "fp8");

  /** FP8 weights per output channel, inputs per token as they come. */
  public static final Config FP8_PER_CHANNEL_PER_TOKEN =
      Presets.of(
          "FP8_PER_CHANNEL_PER_TOKEN",
          new Algorithm.Max(),
          "fp8_per_channel",
          "fp8_per_token_dynamic");

  /** FP8 weights in tiles of 128 by 128. */
  public static final Config FP8_2D_BLOCKWISE_WEIGHT_ONLY =
      Presets.weightOnly("FP8_2D_BLOCKWISE_WEIGHT_ONLY", new Algorithm.Max(), "fp8_block_128x128");

  /** INT4 weights in blocks of 128, rounded to the nearest. */
  public static final Config INT4_BLOCKWISE_WEIGHT_ONLY =
      Presets.weightOnly("INT4_BLOCKWISE_WEIGHT_ONLY", new Algorithm.Max(), "int4_block_128");

  /** INT4 weights in blocks of 128, input channels scaled by AWQ. */
  public static final Config INT4_AWQ =
      Presets.weightOnly("INT4_AWQ", new Algorithm.AwqLite(), "int4_block_128");

  /** INT4 weights in blocks of 128 by GPTQ. */
  public static final Config INT4_GPTQ =
      Presets.weightOnly("INT4_GPTQ", new Algorithm.Gptq(), "int4_block_128");

  /** INT4 weights by AWQ that products read as FP8, FP8 inputs. */
  public static final Config W4A8_AWQ_BETA =
      Presets.int4AsFp8("W4A8_AWQ_BETA", new Algorithm.AwqLite());

  /** E4M3 weights and inputs in blocks of 32 with power-of-two scales. */
  public static final Config MXFP8_DEFAULT =
      Presets.of("MXFP8_DEFAULT", new Algorithm.Max(), "mxfp8", "mxfp8_dynamic");

  /** E3M2 weights and inputs in blocks of 32 with power-of-two scales. */
  public static final Config MXFP6_DEFAULT =
      Presets.of("MXFP6_DEFAULT", new Algorithm.Max(), "mxfp6", "mxfp6_dynamic");

  /** E2M1 weights and inputs in blocks of 32 with power-of-two scales. */
  public static final Config MXFP4_DEFAULT =
      Presets.of("MXFP4_DEFAULT", new Algorithm.Max(), "mxfp4", "mxfp4_dynamic");

  /** INT8 weights and inputs in blocks of 32 with power-of-two scales. */
  public static final Config MXINT8_DEFAULT =
      Presets.of("MXINT8_DEFAULT", new Algorithm.Max(), "mxint8", "mxint8_dynamic");

  /** MXFP4 weights by GPTQ, MXFP4 inputs. */
  public static final Config MXFP4_GPTQ =
      Presets.of("MXFP4_GPTQ", new Algorithm.Gptq(), "mxfp4", "mxfp4_dynamic");

  /** MXFP4 weights, FP8 inputs. */
  public static final Config W4A8_MXFP4_FP8 =
      Presets.of("W4A8_MXFP4_FP8", new Algorithm.Max(), "mxfp4", "fp8");

  /** MXFP4 weights of feed-forward parts. */
  public static final Config MXFP4_MLP_WEIGHT_ONLY =
      Presets.mlpWeightOnly("MXFP4_MLP_WEIGHT_ONLY", "mxfp4");

  /** NVFP4 weights and inputs. */
  public static final Config NVFP4_DEFAULT = Presets.nvfp4("NVFP4_DEFAULT", new Algorithm.Max());

  /** NVFP4 weights. */
  public static final Config W4A16_NVFP4 =
      Presets.weightOnly("W4A16_NVFP4", new Algorithm.Max(), "nvfp4");

  /** NVFP4 weights in blocks of 32, FP8 inputs. */
  public static final Config W4A8_NVFP4_FP8 =
      Presets.of("W4A8_NVFP4_FP8", new Algorithm.Max(), "nvfp4_block_32", "fp8");

  /** NVFP4 with input channels scaled by AWQ. */
  public static final Config NVFP4_AWQ_LITE =
      Presets.nvfp4("NVFP4_AWQ_LITE", new Algorithm.AwqLite());

  /** NVFP4 with clipped weights. */
  public static final Config NVFP4_AWQ_CLIP =
      Presets.nvfp4("NVFP4_AWQ_CLIP", new Algorithm.AwqClip());

  /** NVFP4 with scaled input channels and clipped weights. */
  public static final Config NVFP4_AWQ_FULL =
      Presets.nvfp4("NVFP4_AWQ_FULL", new Algorithm.AwqFull());

  /** NVFP4 beside a branch of rank 32. */
  public static final Config NVFP4_SVDQUANT_DEFAULT =
      Presets.nvfp4("NVFP4_SVDQUANT_DEFAULT", new Algorithm.SvdQuant());

  /** NVFP4 with weight scales of least squared error. */
  public static final Config NVFP4_W4A4_WEIGHT_MSE_FP8_SWEEP =
      Presets.nvfp4("NVFP4_W4A4_WEIGHT_MSE_FP8_SWEEP", new Algorithm.ScaleSweep());

  /** NVFP4 with weight scales of least error weighted by the inputs. */
  public static final Config NVFP4_W4A4_WEIGHT_LOCAL_HESSIAN =
      Presets.nvfp4("NVFP4_W4A4_WEIGHT_LOCAL_HESSIAN", new Algorithm.LocalHessian());

  /** NVFP4 with weight blocks scaled to 6 or 4. */
  public static final Config NVFP4_FOUR_OVER_SIX =
      Presets.nvfp4("NVFP4_FOUR_OVER_SIX", new Algorithm.FourOverSix());

  /** NVFP4 weights by GPTQ, NVFP4 inputs. */
  public static final Config NVFP4_GPTQ = Presets.nvfp4("NVFP4_GPTQ", new Algorithm.Gptq());

  /** INT4 weights in blocks of 128 by scaled channels, searched scales and GPTQ together. */
  public static final Config INT4_TUNED =
      Presets.weightOnly("INT4_TUNED", Presets.TUNED, "int4_block_128");

  /** NVFP4 weights and inputs by scaled channels, searched scales and GPTQ together. */
  public static final Config NVFP4_TUNED = Presets.nvfp4("NVFP4_TUNED", Presets.TUNED);

  /** MXFP4 weights and inputs by scaled channels, searched scales and GPTQ together. */
  public static final Config MXFP4_TUNED =
      Presets.of("MXFP4_TUNED", Presets.TUNED, "mxfp4", "mxfp4_dynamic");

  /** INT8 weights by scaled channels and GPTQ together, INT8 inputs with a scale for each token. */
  public static final Config INT8_TUNED =
      Presets.of("INT8_TUNED", Presets.TUNED, "int8_per_channel", "int8_per_token_dynamic");

  /** NVFP4 weights and inputs of experts. */
  public static final Config NVFP4_EXPERTS_ONLY = Presets.nvfp4Experts("NVFP4_EXPERTS_ONLY");

  /** NVFP4 weights and inputs of feed-forward parts. */
  public static final Config NVFP4_MLP_ONLY = Presets.nvfp4Mlp("NVFP4_MLP_ONLY");

  /** NVFP4 weights and inputs of feed-forward parts and attention's output. */
  public static final Config NVFP4_OMLP_ONLY = Presets.nvfp4OutputAndMlp("NVFP4_OMLP_ONLY");

  /** NVFP4 weights, in blocks of 32, of feed-forward parts. */
  public static final Config NVFP4_MLP_WEIGHT_ONLY =
      Presets.mlpWeightOnly("NVFP4_MLP_WEIGHT_ONLY", "nvfp4_block_32");

  /** Copies the rules. */
  public Config {
    rules = List.copyOf(rules);
  }

  /** All presets, in the order of their listing. */
  public static List<Config> presets() {
    return Presets.Listing.ALL;
  }

  /**
   * The preset called {@code name}.
   *
   * @throws ConfigException if there is none; the message lists them
   */
  public static Config preset(String name) {
    return presets().stream()
        .filter(config -> config.name().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new ConfigException(
                "no preset \"%s\"; %s"
                    .formatted(
                        name,
                        Nearest.suggestion(name, presets().stream().map(Config::name).toList()))));
  }

  /** A copy with another name. */
  public Config withName(String newName) {
    return new Config(newName, rules, algorithm, weightConversion);
  }

  /** A copy with another algorithm. */
  public Config withAlgorithm(Algorithm newAlgorithm) {
    return new Config(name, rules, newAlgorithm, weightConversion);
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

  /** A copy that leaves the keys and values that attention caches as they are. */
  public Config withoutKvCache() {
    List<Rule> kept = new ArrayList<>();
    for (Rule rule : rules) {
      rule.without(Target.KV_CACHE)
          .flatMap(rest -> rest.without(Target.KV_CACHE_CAST))
          .ifPresent(kept::add);
    }
    return new Config(name, kept, algorithm, weightConversion);
  }

  /**
   * A copy that quantizes the keys and values that attention caches. Formats with several scales
   * become dynamic: a cache grows token by token, so only one scale for all of it can be
   * calibrated.
   */
  public Config withKvCache(QuantSpec spec) {
    return withRule(Rule.quantize("*", Target.KV_CACHE, ofCache(spec)));
  }

  /** As {@link #withKvCache(QuantSpec)}, without calibration: see {@link Target#KV_CACHE_CAST}. */
  public Config withKvCacheCast(QuantSpec spec) {
    return withRule(Rule.quantize("*", Target.KV_CACHE_CAST, ofCache(spec)));
  }

  private static QuantSpec ofCache(QuantSpec spec) {
    return spec.granularity() instanceof Granularity.PerTensor ? spec : spec.asDynamic();
  }

  /**
   * As {@link #withKvCache(QuantSpec)} or, if {@code format} ends in {@code _cast}, {@link
   * #withKvCacheCast}.
   *
   * @param format as recipes name it, for example {@code fp8} or {@code fp8_cast}
   * @throws IllegalArgumentException if there is no such format
   */
  public Config withKvCache(String format) {
    return format.endsWith(CAST)
        ? withKvCacheCast(SpecText.read(format.substring(0, format.length() - CAST.length())))
        : withKvCache(SpecText.read(format));
  }
}
