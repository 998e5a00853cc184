package org.modelopt.config;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.modelopt.numeric.Conversion;

/**
 * Builds the presets. Source: the reference's preset files; names of modules stand here where the
 * reference names quantizers, so {@code *mlp.gate.*} there is {@code *mlp.gate} here.
 */
final class Presets {
  /** Routers, output heads, convolutions and vision parts: off unless a later rule says else. */
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
              "*mlp.shared_expert_gate",
              "*mlp.shared_expert_gate.*",
              "*output_layer*",
              "*proj_out",
              "*proj_out.*",
              "*router*",
              "mtp.*",
              "output",
              "output.*",
              "*embed_vision*",
              "*vision_tower*",
              "*visual*",
              "*vision_model*",
              "*multi_modal_projector*")
          .map(pattern -> Rule.exclude(pattern).optional())
          .toList();

  /** All that improves weights, in steps of 0.1. */
  static final Algorithm TUNED = new Algorithm.Tuned(0.1, true, true, 0.01, true, 0);

  private static final List<String> EVERYTHING = List.of("*");
  private static final List<String> EXPERTS = List.of("*block_sparse_moe*", "*.experts.*");
  private static final List<String> MLP_WEIGHTS = List.of("*mlp*", "*block_sparse_moe*");
  private static final List<String> MLP =
      List.of("*mlp*", "*.mixer.up_proj", "*.mixer.down_proj", "*block_sparse_moe*", "*.experts.*");
  private static final List<String> OUTPUT_AND_MLP =
      List.of("*o_proj*", "*mlp*", "*.mixer.up_proj", "*.mixer.down_proj", "*block_sparse_moe*");

  private Presets() {}

  /** Weight and input of every linear. */
  static Config of(String name, Algorithm algorithm, String weight, String input) {
    return build(name, algorithm, EVERYTHING, weight, Optional.of(input));
  }

  /** Weights of every linear only. */
  static Config weightOnly(String name, Algorithm algorithm, String weight) {
    return build(name, algorithm, EVERYTHING, weight, Optional.empty());
  }

  /** Weights in INT4 that products read as FP8. */
  static Config int4AsFp8(String name, Algorithm algorithm) {
    Rule second = Rule.quantize("*", Target.DEQUANTIZED_WEIGHT, SpecNames.get("fp8"));
    Config config = of(name, algorithm, "int4_block_128", "fp8");
    return new Config(
        name,
        Stream.concat(Stream.of(second), config.rules().stream()).toList(),
        algorithm,
        Conversion.DEFAULT);
  }

  static Config nvfp4(String name, Algorithm algorithm) {
    return of(name, algorithm, "nvfp4", "nvfp4_dynamic");
  }

  static Config nvfp4Experts(String name) {
    return build(name, new Algorithm.Max(), EXPERTS, "nvfp4", Optional.of("nvfp4_dynamic"));
  }

  static Config nvfp4Mlp(String name) {
    return build(name, new Algorithm.Max(), MLP, "nvfp4", Optional.of("nvfp4_dynamic"));
  }

  static Config nvfp4OutputAndMlp(String name) {
    return build(name, new Algorithm.Max(), OUTPUT_AND_MLP, "nvfp4", Optional.of("nvfp4_dynamic"));
  }

  static Config mlpWeightOnly(String name, String weight) {
    return build(name, new Algorithm.Max(), MLP_WEIGHTS, weight, Optional.empty());
  }

  private static Config build(
      String name,
      Algorithm algorithm,
      List<String> patterns,
      String weight,
      Optional<String> input) {
    boolean some = !patterns.equals(EVERYTHING);
    Stream<Rule> rules =
        patterns.stream()
            .flatMap(pattern ->
                Stream.concat(
                    Stream.of(rule(pattern, Target.WEIGHT, weight)),
                    input.stream().map(spec -> rule(pattern, Target.INPUT, spec))))
            .map(rule -> some ? rule.optional() : rule);
    return new Config(
        name,
        Stream.concat(rules, DEFAULT_EXCLUDED.stream()).toList(),
        algorithm,
        Conversion.DEFAULT);
  }

  private static Rule rule(String pattern, Target target, String spec) {
    return new Rule(pattern, Set.of(target), Optional.of(SpecNames.get(spec)), true);
  }

  /** All presets; a class of its own so that it is read after the constants are there. */
  static final class Listing {
    static final List<Config> ALL =
        List.of(
            Config.INT8_DEFAULT,
            Config.INT8_SMOOTHQUANT,
            Config.INT8_WEIGHT_ONLY,
            Config.FP8_DEFAULT,
            Config.FP8_PER_CHANNEL_PER_TOKEN,
            Config.FP8_2D_BLOCKWISE_WEIGHT_ONLY,
            Config.INT4_BLOCKWISE_WEIGHT_ONLY,
            Config.INT4_AWQ,
            Config.INT4_GPTQ,
            Config.W4A8_AWQ_BETA,
            Config.MXFP8_DEFAULT,
            Config.MXFP6_DEFAULT,
            Config.MXFP4_DEFAULT,
            Config.MXFP4_GPTQ,
            Config.MXINT8_DEFAULT,
            Config.W4A8_MXFP4_FP8,
            Config.MXFP4_MLP_WEIGHT_ONLY,
            Config.NVFP4_DEFAULT,
            Config.W4A16_NVFP4,
            Config.W4A8_NVFP4_FP8,
            Config.NVFP4_AWQ_LITE,
            Config.NVFP4_AWQ_CLIP,
            Config.NVFP4_AWQ_FULL,
            Config.NVFP4_SVDQUANT_DEFAULT,
            Config.NVFP4_W4A4_WEIGHT_MSE_FP8_SWEEP,
            Config.NVFP4_W4A4_WEIGHT_LOCAL_HESSIAN,
            Config.NVFP4_FOUR_OVER_SIX,
            Config.NVFP4_GPTQ,
            Config.INT4_TUNED,
            Config.NVFP4_TUNED,
            Config.MXFP4_TUNED,
            Config.INT8_TUNED,
            Config.NVFP4_EXPERTS_ONLY,
            Config.NVFP4_MLP_ONLY,
            Config.NVFP4_OMLP_ONLY,
            Config.NVFP4_MLP_WEIGHT_ONLY);

    private Listing() {}
  }
}
