package org.modelopt.export.unified;

import java.util.Optional;
import java.util.OptionalInt;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.write.SpecTraits;
import tools.jackson.databind.node.ObjectNode;

/**
 * The format of one linear as ModelOpt describes it.
 *
 * @param algorithm its {@code quant_algo}
 * @param group weights under one scale, where that is stated
 */
public record LinearFormat(Algorithm algorithm, OptionalInt group) {
  private static final int TILE = 128;

  /** The values of {@code quant_algo}, as the reference spells them. */
  public enum Algorithm {
    /** One scale for a weight and one for its input. */
    FP8("FP8"),
    /** Weights by row, inputs by token. */
    FP8_ROWS("FP8_PER_CHANNEL_PER_TOKEN"),
    /** Weights in tiles of 128 by 128. */
    FP8_TILES("fp8_pb_wo"),
    /** Weights by row, one scale for the input. */
    INT8("W8A8_SQ_PER_CHANNEL"),
    /** Weights by row. */
    INT8_WEIGHT("W8A16"),
    /** Weights in blocks. */
    INT4("W4A16_AWQ"),
    /** Weights in blocks, computed in FP8. */
    INT4_FP8("W4A8_AWQ"),
    /** Weights and inputs in blocks of 16. */
    NVFP4("NVFP4"),
    /** NVFP4 with factors of the input's channels. */
    NVFP4_SCALED("NVFP4_AWQ"),
    /** NVFP4 beside a product of low rank. */
    NVFP4_BRANCHED("NVFP4_SVD"),
    /** Weights in blocks of 16. */
    NVFP4_WEIGHT("W4A16_NVFP4"),
    /** Weights in blocks of 32, FP8 inputs. */
    NVFP4_FP8("W4A8_NVFP4_FP8"),
    /** Weights in blocks of 32 under powers of two. */
    MXFP4("mxfp4"),
    /** Weights and inputs in blocks of 32 under powers of two. */
    MXFP4_BOTH("mxfp4"),
    /** MXFP4 weights, FP8 inputs. */
    MXFP4_FP8("W4A8_MXFP4_FP8"),
    /** Weights and inputs in blocks of 32 under powers of two. */
    MXFP8("MXFP8");

    private final String text;

    Algorithm(String text) {
      this.text = text;
    }

    /** The value of {@code quant_algo}. */
    public String text() {
      return text;
    }

    /** Whether inputs may be multiplied by factors of their channels. */
    boolean isScaled() {
      return switch (this) {
        case INT4, INT4_FP8, NVFP4_SCALED, NVFP4_BRANCHED -> true;
        default -> false;
      };
    }
  }

  /** The format of a linear that is quantized so, if ModelOpt has one. */
  public static Optional<LinearFormat> of(WeightDecision decision, Optional<InputDecision> input) {
    WeightQuantization how = decision.quantization().orElseThrow();
    SpecTraits weight = new SpecTraits(how.spec());
    Optional<SpecTraits> in = SpecTraits.ofInput(input);
    boolean none = in.isEmpty();
    boolean fp8Input = in.filter(i -> i.isFp8() && i.isStaticTensor()).isPresent();
    if (how.second().isPresent()) {
      boolean fits = weight.isSigned(4) && weight.block().isPresent() && fp8Input;
      return fits ? Optional.of(new LinearFormat(Algorithm.INT4_FP8, weight.block())) : none();
    }
    if (weight.isFp8()) {
      return fp8(weight, in, fp8Input);
    }
    if (weight.isMxfp8()) {
      return withGroup(in.filter(SpecTraits::isMxfp8).isPresent() || none, Algorithm.MXFP8, 32);
    }
    if (weight.isMxfp4()) {
      return fp8Input
          ? withGroup(true, Algorithm.MXFP4_FP8, 32)
          : withoutGroup(none || in.get().isMxfp4(), none ? Algorithm.MXFP4 : Algorithm.MXFP4_BOTH);
    }
    if (weight.isNvfp4(32)) {
      return withGroup(fp8Input, Algorithm.NVFP4_FP8, 32);
    }
    if (weight.isNvfp4(16)) {
      return nvfp4(decision, input, in);
    }
    if (weight.isSigned(8) && weight.isPerRow()) {
      boolean int8Input = in.filter(i -> i.isSigned(8) && i.isStaticTensor()).isPresent();
      return int8Input
          ? withoutGroup(true, Algorithm.INT8)
          : withoutGroup(none, Algorithm.INT8_WEIGHT);
    }
    if (weight.isSigned(4) && weight.block().isPresent() && none) {
      return Optional.of(new LinearFormat(Algorithm.INT4, weight.block()));
    }
    return none();
  }

  private static Optional<LinearFormat> fp8(
      SpecTraits weight, Optional<SpecTraits> input, boolean fp8Input) {
    if (weight.isPerTensor()) {
      return withoutGroup(fp8Input, Algorithm.FP8);
    }
    if (weight.isPerRow()) {
      boolean fits = input.filter(i -> i.isFp8() && i.isDynamicToken()).isPresent();
      return withoutGroup(fits, Algorithm.FP8_ROWS);
    }
    // Readers scale inputs in blocks of a token as they come, whatever is said of them.
    boolean fits =
        input.isEmpty() || input.filter(i -> i.isFp8() && i.spec().dynamic()).isPresent();
    return withoutGroup(weight.isTiled(TILE) && fits, Algorithm.FP8_TILES);
  }

  private static Optional<LinearFormat> nvfp4(
      WeightDecision decision, Optional<InputDecision> input, Optional<SpecTraits> in) {
    if (in.isEmpty()) {
      boolean beside =
          decision.branch().isPresent() || input.flatMap(InputDecision::preScale).isPresent();
      return withGroup(!beside, Algorithm.NVFP4_WEIGHT, 16);
    }
    boolean fits = in.get().isNvfp4(16);
    if (decision.branch().isPresent()) {
      return withGroup(fits, Algorithm.NVFP4_BRANCHED, 16);
    }
    boolean scaled = input.flatMap(InputDecision::preScale).isPresent();
    return withGroup(fits, scaled ? Algorithm.NVFP4_SCALED : Algorithm.NVFP4, 16);
  }

  private static Optional<LinearFormat> withGroup(boolean fits, Algorithm algorithm, int group) {
    return fits ? Optional.of(new LinearFormat(algorithm, OptionalInt.of(group))) : none();
  }

  private static Optional<LinearFormat> withoutGroup(boolean fits, Algorithm algorithm) {
    return fits ? Optional.of(new LinearFormat(algorithm, OptionalInt.empty())) : none();
  }

  private static Optional<LinearFormat> none() {
    return Optional.empty();
  }

  /** What the nested description says of it beside the algorithm, in the reference's order. */
  public void describe(ObjectNode node) {
    group.ifPresent(size -> node.put("group_size", size));
    if (algorithm.isScaled()) {
      node.put("has_zero_point", false).put("pre_quant_scale", true);
    }
  }

  /** Its entry in {@code quantized_layers}. */
  ObjectNode layer() {
    ObjectNode node = JsonText.object().put("quant_algo", algorithm.text());
    describe(node);
    return node;
  }

  /**
   * Its entry in {@code config_groups} without targets.
   *
   * @param mixed whether it is one of several; the reference says less where it is the only one
   */
  Optional<ObjectNode> group(boolean mixed) {
    ObjectNode node = JsonText.object();
    switch (algorithm) {
      case FP8 -> both(node, number(8, "float"), number(8, "float"));
      case NVFP4 -> both(node, fp4(), fp4());
      case NVFP4_BRANCHED -> {
        both(node, fp4(), fp4());
        node.put("has_zero_point", false).put("pre_quant_scale", true);
      }
      case NVFP4_WEIGHT -> node.set("weights", fp4());
      // Beyond the reference: the name alone does not say that inputs are quantized, too.
      case MXFP4_BOTH -> {
        ObjectNode inputs = number(4, "float").put("group_size", 32).put("dynamic", true);
        both(node, inputs, number(4, "float").put("group_size", 32));
      }
      default -> {
        if (!mixed) {
          return Optional.empty();
        }
        mixed(node);
      }
    }
    return Optional.of(node);
  }

  private void mixed(ObjectNode node) {
    switch (algorithm) {
      case INT4 -> node.set("weights", grouped(4, "int"));
      case INT4_FP8 -> both(node, number(8, "float"), grouped(4, "int"));
      case NVFP4_SCALED -> both(node, number(8, "float"), fp4());
      case INT8_WEIGHT -> node.set("weights", number(8, "int"));
      case INT8 -> both(node, number(8, "int"), number(8, "int"));
      case MXFP8 -> both(node, grouped(8, "float"), grouped(8, "float"));
      case NVFP4_FP8, MXFP4_FP8 -> both(node, number(8, "float"), grouped(4, "float"));
      case MXFP4 -> node.set("weights", number(4, "float"));
      case FP8_ROWS, FP8_TILES, FP8, NVFP4, NVFP4_BRANCHED, NVFP4_WEIGHT, MXFP4_BOTH ->
          node.set("weights", number(8, "float"));
    }
  }

  private static void both(ObjectNode node, ObjectNode inputs, ObjectNode weights) {
    node.set("input_activations", inputs);
    node.set("weights", weights);
  }

  private static ObjectNode number(int bits, String type) {
    return JsonText.object().put("dynamic", false).put("num_bits", bits).put("type", type);
  }

  private ObjectNode fp4() {
    return grouped(4, "float");
  }

  private ObjectNode grouped(int bits, String type) {
    return number(bits, type).put("group_size", group.orElse(TILE));
  }
}
