package org.modelopt.export.compressed;

import java.util.Optional;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.export.hf.JsonText;
import org.modelopt.export.write.SpecTraits;
import tools.jackson.databind.node.ObjectNode;

/**
 * A scheme of compressed-tensors: one group of its configuration without targets.
 *
 * @param kind how tensors are stored
 * @param weights arguments of weights
 * @param inputs arguments of inputs, if they are quantized
 */
record CompressedScheme(Kind kind, ObjectNode weights, Optional<ObjectNode> inputs) {
  /** How tensors are stored. */
  enum Kind {
    FLOAT("float-quantized"),
    INT("int-quantized"),
    PACKED("pack-quantized"),
    NVFP4("nvfp4-pack-quantized"),
    MXFP4("mxfp4-pack-quantized"),
    MXFP8("mxfp8-quantized");

    private final String format;

    Kind(String format) {
      this.format = format;
    }

    String format() {
      return format;
    }
  }

  /** The scheme of a linear that is quantized so, if there is one that loaders know. */
  static Optional<CompressedScheme> of(WeightQuantization how, Optional<SpecTraits> input) {
    SpecTraits weight = new SpecTraits(how.spec());
    boolean none = input.isEmpty();
    if (how.second().isPresent()) {
      return Optional.empty();
    }
    if (weight.isFp8()) {
      return fp8(weight, input);
    }
    if (weight.isNvfp4(16) && (none || input.get().isNvfp4(16))) {
      return scheme(
          Kind.NVFP4,
          grouped(4, "float", "tensor_group", 16),
          input.map(i -> grouped(4, "float", "tensor_group", 16).put("dynamic", "local")));
    }
    if (weight.isMxfp4() && (none || input.get().isMxfp4())) {
      return scheme(
          Kind.MXFP4,
          grouped(4, "float", "group", 32),
          input.map(i -> grouped(4, "float", "group", 32).put("dynamic", true)));
    }
    if (weight.isMxfp8() && (none || input.get().isMxfp8())) {
      ObjectNode weights = grouped(8, "float", "group", 32);
      // The key by which vLLM tells it from FP8 with other scales.
      weights.put("scale_dtype", "torch.uint8");
      return scheme(Kind.MXFP8, weights, Optional.of(weights.deepCopy().put("dynamic", true)));
    }
    if (weight.isSigned(8) && weight.isPerRow() && !none) {
      return int8(weight, input.get());
    }
    return none ? packed(weight) : Optional.empty();
  }

  private static Optional<CompressedScheme> fp8(SpecTraits weight, Optional<SpecTraits> input) {
    if (weight.isTiled(128)) {
      boolean fits = input.isEmpty() || input.filter(SpecTraits::isFp8).isPresent();
      ObjectNode weights = arguments(8, "float", "block");
      weights.putArray("block_structure").add(128).add(128);
      // Loaders scale inputs in blocks of the same length, whatever is said of them.
      ObjectNode inputs = grouped(8, "float", "group", 128).put("dynamic", true);
      return fits ? scheme(Kind.FLOAT, weights, Optional.of(inputs)) : Optional.empty();
    }
    Optional<ObjectNode> inputs = input.flatMap(i -> eightBits(i, "float"));
    boolean fits =
        (weight.isPerTensor() || weight.isPerRow())
            && (input.isEmpty() || (input.get().isFp8() && inputs.isPresent()));
    return fits
        ? scheme(Kind.FLOAT, arguments(8, "float", wholes(weight)), inputs)
        : Optional.empty();
  }

  private static Optional<CompressedScheme> int8(SpecTraits weight, SpecTraits input) {
    Optional<ObjectNode> inputs = input.isSigned(8) ? eightBits(input, "int") : Optional.empty();
    return inputs.isEmpty()
        ? Optional.empty()
        : scheme(Kind.INT, arguments(8, "int", wholes(weight)), inputs);
  }

  /** Integers of 4 or 8 bits in 32-bit words, for unquantized inputs. */
  private static Optional<CompressedScheme> packed(SpecTraits weight) {
    for (int bits : new int[] {4, 8}) {
      boolean zeroPoints = weight.hasZeroPoints(bits);
      if (weight.isSigned(bits) || zeroPoints) {
        Optional<ObjectNode> weights =
            weight.isPerRow()
                ? Optional.of(arguments(bits, "int", "channel"))
                : weight.block().isPresent()
                    ? Optional.of(grouped(bits, "int", "group", weight.block().getAsInt()))
                    : Optional.empty();
        return weights.flatMap(
            node -> scheme(Kind.PACKED, node.put("symmetric", !zeroPoints), Optional.empty()));
      }
    }
    return Optional.empty();
  }

  private static Optional<ObjectNode> eightBits(SpecTraits input, String type) {
    if (input.isDynamicToken()) {
      return Optional.of(arguments(8, type, "token").put("dynamic", true));
    }
    return input.isStaticTensor() ? Optional.of(arguments(8, type, "tensor")) : Optional.empty();
  }

  private static String wholes(SpecTraits weight) {
    return weight.isPerTensor() ? "tensor" : "channel";
  }

  private static ObjectNode arguments(int bits, String type, String strategy) {
    return JsonText.object()
        .put("num_bits", bits)
        .put("type", type)
        .put("symmetric", true)
        .put("strategy", strategy)
        .put("dynamic", false);
  }

  private static ObjectNode grouped(int bits, String type, String strategy, int group) {
    return arguments(bits, type, strategy).put("group_size", group);
  }

  private static Optional<CompressedScheme> scheme(
      Kind kind, ObjectNode weights, Optional<ObjectNode> inputs) {
    return Optional.of(new CompressedScheme(kind, weights, inputs));
  }

  /** The scheme for people, for example {@code pack-quantized int4 group 128}. */
  String title() {
    String group = weights.has("group_size") ? " " + weights.path("group_size").asInt() : "";
    return "%s %s%d %s%s"
        .formatted(
            kind.format(),
            weights.path("type").asString(),
            weights.path("num_bits").asInt(),
            weights.path("strategy").asString(),
            group);
  }

  /** Whether inputs are scaled by a stored number. */
  boolean hasStaticInputs() {
    return inputs
        .filter(node -> node.path("dynamic").isBoolean() && !node.path("dynamic").asBoolean())
        .isPresent();
  }
}
