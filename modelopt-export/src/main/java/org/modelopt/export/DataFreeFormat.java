package org.modelopt.export;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.modelopt.config.Config;
import org.modelopt.config.Rule;
import org.modelopt.config.Target;
import org.modelopt.export.compressed.CompressedTensorsTarget;
import org.modelopt.export.hf.Fp8BlockTarget;
import org.modelopt.export.hf.Mxfp4Target;
import org.modelopt.export.hf.PlainTarget;
import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;

/**
 * A format that a checkpoint is converted to without calibration.
 *
 * @param name name on command lines
 * @param title for people
 * @param config what to quantize to; empty for a checkpoint without codes
 * @param target the kind of checkpoint that most consumers load
 */
public record DataFreeFormat(
    String name, String title, Optional<Config> config, org.modelopt.export.write.Target target) {
  private static final List<DataFreeFormat> ALL =
      List.of(
          quantized(
              "fp8",
              "FP8 weights by row, inputs by token as they come",
              Config.FP8_PER_CHANNEL_PER_TOKEN,
              new ModelOptTarget()),
          quantized(
              "fp8-block",
              "FP8 weights in tiles of 128 by 128, inputs in blocks of 128 as they come",
              tiledFp8(),
              new Fp8BlockTarget()),
          quantized(
              "int8",
              "INT8 weights by row, inputs by token as they come",
              dynamicInt8(),
              new CompressedTensorsTarget()),
          quantized(
              "int8-weight-only",
              "INT8 weights by row",
              Config.INT8_WEIGHT_ONLY,
              new CompressedTensorsTarget()),
          quantized(
              "int4",
              "INT4 weights in blocks of 128",
              Config.INT4_BLOCKWISE_WEIGHT_ONLY,
              new CompressedTensorsTarget()),
          quantized("nvfp4", "NVFP4 weights", Config.W4A16_NVFP4, new ModelOptTarget()),
          quantized(
              "mxfp8", "MXFP8 weights and inputs", Config.MXFP8_DEFAULT, new ModelOptTarget()),
          quantized(
              "mxfp4",
              "MXFP4 weights and inputs",
              Config.MXFP4_DEFAULT,
              new CompressedTensorsTarget()),
          quantized(
              "mxfp4-experts",
              "MXFP4 weights of the experts of gpt-oss",
              Config.MXFP4_MLP_WEIGHT_ONLY,
              new Mxfp4Target()),
          plain("bf16", DType.BF16),
          plain("fp16", DType.F16),
          plain("fp32", DType.F32));

  private static DataFreeFormat quantized(
      String name, String title, Config config, org.modelopt.export.write.Target target) {
    return new DataFreeFormat(name, title, Optional.of(config), target);
  }

  private static DataFreeFormat plain(String name, DType dtype) {
    return new DataFreeFormat(
        name, dtype + " without codes", Optional.empty(), new PlainTarget(dtype));
  }

  /** Every reader of such weights scales inputs in blocks, so that is what is decided. */
  private static Config tiledFp8() {
    Config weights = Config.FP8_2D_BLOCKWISE_WEIGHT_ONLY;
    List<Rule> rules = new ArrayList<>();
    rules.add(Rule.quantize("*", Target.INPUT, QuantSpec.FP8_TOKEN_BLOCK_128));
    rules.addAll(weights.rules());
    return new Config("FP8_2D_BLOCKWISE", rules, weights.algorithm(), weights.weightConversion());
  }

  private static Config dynamicInt8() {
    Function<Rule, Rule> dynamic =
        rule ->
            rule.targets().equals(Set.of(Target.INPUT)) && rule.spec().isPresent()
                ? new Rule(
                    rule.pattern(),
                    rule.targets(),
                    Optional.of(QuantSpec.INT8_PER_TOKEN),
                    rule.mustMatch())
                : rule;
    Config base = Config.INT8_DEFAULT;
    return new Config(
        "INT8_PER_CHANNEL_PER_TOKEN",
        base.rules().stream().map(dynamic).toList(),
        base.algorithm(),
        base.weightConversion());
  }

  /** All formats, in a fixed order. */
  public static List<DataFreeFormat> all() {
    return ALL;
  }

  /** The format called {@code name}, if there is one. */
  public static Optional<DataFreeFormat> find(String name) {
    return ALL.stream().filter(format -> format.name().equals(name)).findFirst();
  }
}
