package org.modelopt.export.verify.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.CompressedSchemes;
import org.modelopt.export.verify.scheme.CompressedSchemes.Packing;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.export.verify.scheme.Tile;
import tools.jackson.databind.JsonNode;

/**
 * One group of {@code config_groups} and the scheme that loaders resolve it to.
 *
 * @param targets layer names, {@code re:} patterns or class names
 * @param kind the scheme's kind; empty if no loader knows it, which a finding says
 * @param scheme the storage
 * @param format {@code format} of this group, or the global one
 */
public record CompressedGroup(
    List<String> targets, Optional<Kind> kind, Optional<Scheme> scheme, String format) {
  /** The schemes that loaders know, in the order in which they are tried. */
  public enum Kind {
    /** NVFP4 weights. */
    NVFP4_WEIGHT_ONLY("nvfp4-pack-quantized"),
    /** NVFP4 weights and inputs. */
    NVFP4("nvfp4-pack-quantized"),
    /** MXFP4 weights. */
    MXFP4("mxfp4-pack-quantized"),
    /** MXFP8 weights. */
    MXFP8("mxfp8-quantized"),
    /** 4-bit integer weights, FP8 inputs. */
    W4A8_FP8("pack-quantized"),
    /** 4- or 8-bit integer weights. */
    WEIGHT_ONLY("pack-quantized"),
    /** FP8 weights and inputs, or FP8 weights alone. */
    FP8("float-quantized"),
    /** FP8 weights by channel, FP8 inputs by token. */
    FP8_CHANNEL_TOKEN("float-quantized"),
    /** FP8 weights in blocks of 128. */
    FP8_BLOCK("float-quantized"),
    /** 8-bit integer weights and inputs. */
    INT8("int-quantized"),
    /** 4-bit integer weights, 8-bit integer inputs. */
    W4A8_INT("int-quantized");

    private final String format;

    Kind(String format) {
      this.format = format;
    }

    /** Names of the formats that announce this kind; codes of one byte each have an older one. */
    public List<String> formats() {
      return format.equals("float-quantized") || format.equals("int-quantized")
          ? List.of(format, "naive-quantized")
          : List.of(format);
    }
  }

  private static final Set<String> GROUP_KEYS =
      Set.of("targets", "weights", "input_activations", "output_activations", "format");
  private static final Set<String> ARGUMENT_KEYS =
      Set.of(
          "num_bits",
          "type",
          "symmetric",
          "strategy",
          "group_size",
          "block_structure",
          "dynamic",
          "actorder",
          "observer",
          "observer_kwargs");
  private static final Set<String> MX_KEYS = Set.of("scale_dtype", "zp_dtype");

  private static final Violation KEYS =
      new Violation(
          "compressed-tensors configuration",
          "keys are a closed list: loaders stop at an unknown or inconsistent one",
          "leave it out, or correct it");
  private static final Violation SCHEME =
      new Violation(
          "compressed-tensors scheme that no loader knows",
          "loading stops with \"No compressed-tensors compatible scheme was found\"",
          "use a combination of weights and input_activations that loaders know");
  private static final Violation FORMAT =
      new Violation(
          "compressed-tensors format that does not fit the scheme",
          "loaders decide by the format whether inputs are quantized, and how tensors are called",
          "write the format that goes with the scheme");

  /** Copies the list. */
  public CompressedGroup {
    targets = List.copyOf(targets);
  }

  /** What {@code weights} or {@code input_activations} says. */
  private record Arguments(JsonNode node) {
    boolean isPresent() {
      return node.isObject();
    }

    int bits() {
      return node.path("num_bits").asInt(8);
    }

    boolean isFloat() {
      return node.path("type").asString("int").equals("float");
    }

    boolean symmetric() {
      return node.path("symmetric").asBoolean(true);
    }

    int group() {
      return Math.max(node.path("group_size").asInt(0), 0);
    }

    String strategy() {
      String stated = node.path("strategy").asString("");
      return !stated.isEmpty()
          ? stated
          : node.path("group_size").asInt(0) > 0
              ? "group"
              : node.path("group_size").asInt(0) < 0 ? "channel" : "tensor";
    }

    boolean dynamic() {
      return node.path("dynamic").asBoolean(false);
    }

    boolean local() {
      return node.path("dynamic").asString("").equals("local");
    }

    boolean isStatic() {
      return isPresent() && !dynamic() && !local();
    }

    boolean scalesAreBytes() {
      return node.path("scale_dtype").asString("").equals("torch.uint8");
    }

    boolean actOrder() {
      return node.path("actorder").asString("").equals("group");
    }

    Tile tile() {
      JsonNode block = node.path("block_structure");
      return switch (strategy()) {
        case "tensor" -> Tile.TENSOR;
        case "block" -> new Tile(block.path(0).asInt(128), block.path(1).asInt(128));
        case "group", "tensor_group" -> Tile.group(group());
        default -> Tile.ROW;
      };
    }
  }

  static CompressedGroup read(String name, JsonNode node, String globalFormat, Findings findings) {
    Place place = Place.file("config.json quantization_config config_groups " + name);
    checkKeys(node, GROUP_KEYS, place, findings);
    Arguments weights = new Arguments(node.path("weights"));
    Arguments inputs = new Arguments(node.path("input_activations"));
    checkArguments(weights, place, findings);
    checkArguments(inputs, place, findings);
    String format = node.path("format").asString(globalFormat);
    Optional<Kind> kind = weights.isPresent() ? kind(weights, inputs) : Optional.empty();
    if (kind.isEmpty()) {
      findings.error(SCHEME, place, "a scheme of vLLM", node);
    } else if (!kind.get().formats().contains(format)) {
      findings.error(FORMAT, place, kind.get().formats(), format);
    }
    return new CompressedGroup(
        ModelOptView.strings(node.path("targets")).orElse(List.of()),
        kind,
        kind.map(k -> scheme(k, weights, inputs)),
        format);
  }

  private static void checkKeys(JsonNode node, Set<String> known, Place place, Findings findings) {
    Set<String> unknown = new TreeSet<>(node.propertyNames());
    unknown.removeAll(known);
    if (!unknown.isEmpty()) {
      findings.error(KEYS, place, "keys among " + new TreeSet<>(known), unknown);
    }
  }

  private static void checkArguments(Arguments arguments, Place place, Findings findings) {
    if (!arguments.isPresent()) {
      return;
    }
    Set<String> known = new TreeSet<>(ARGUMENT_KEYS);
    if (arguments.scalesAreBytes()) {
      known.addAll(MX_KEYS);
    }
    checkKeys(arguments.node(), known, place, findings);
    List<String> problems = new ArrayList<>();
    switch (arguments.strategy()) {
      case "group", "tensor_group" -> {
        if (arguments.group() == 0) {
          problems.add(arguments.strategy() + " without group_size");
        }
      }
      case "token" -> {
        if (!arguments.dynamic()) {
          problems.add("token without dynamic");
        }
      }
      case "block" -> {
        if (arguments.node().path("block_structure").size() != 2) {
          problems.add("block without block_structure");
        }
      }
      case "tensor", "channel", "attn_head" -> {
        // Nothing else goes with these.
      }
      default -> problems.add("strategy " + arguments.strategy());
    }
    if (arguments.local() && !arguments.strategy().equals("tensor_group")) {
      problems.add("dynamic local without tensor_group");
    }
    if (!problems.isEmpty()) {
      findings.error(KEYS, place, "consistent arguments", problems);
    }
  }

  private static Optional<Kind> kind(Arguments weights, Arguments inputs) {
    String strategy = weights.strategy();
    int bits = weights.bits();
    boolean byteInputs = inputs.isPresent() && inputs.bits() == 8;
    if (weights.isFloat() && weights.symmetric()) {
      if (bits == 4 && strategy.equals("tensor_group") && weights.group() == 16) {
        return Optional.of(inputs.isPresent() ? Kind.NVFP4 : Kind.NVFP4_WEIGHT_ONLY);
      }
      if (bits == 4 && strategy.equals("group") && weights.group() == 32) {
        return Optional.of(Kind.MXFP4);
      }
      if (bits == 8 && strategy.equals("group") && weights.group() == 32) {
        return weights.scalesAreBytes() ? Optional.of(Kind.MXFP8) : Optional.empty();
      }
      return bits == 8 ? fp8(strategy, weights, inputs) : Optional.empty();
    }
    if (weights.isFloat()) {
      return Optional.empty();
    }
    boolean grouped = strategy.equals("group") || strategy.equals("channel");
    if (bits == 4 && grouped && weights.symmetric() && byteInputs && inputs.dynamic()) {
      return Optional.of(inputs.isFloat() ? Kind.W4A8_FP8 : Kind.W4A8_INT);
    }
    if ((bits == 4 || bits == 8) && grouped && !inputs.isPresent()) {
      return Optional.of(Kind.WEIGHT_ONLY);
    }
    boolean whole = strategy.equals("tensor") || strategy.equals("channel");
    return bits == 8 && whole && weights.symmetric() && byteInputs && !inputs.isFloat()
        ? Optional.of(Kind.INT8)
        : Optional.empty();
  }

  private static Optional<Kind> fp8(String strategy, Arguments weights, Arguments inputs) {
    if (inputs.isPresent() && (inputs.bits() != 8 || !inputs.isFloat() || !inputs.symmetric())) {
      return Optional.empty();
    }
    return switch (strategy) {
      case "block" ->
          // Block weights go with inputs scaled in groups of the same length.
          inputs.isPresent()
                  && inputs.dynamic()
                  && inputs.strategy().equals("group")
                  && inputs.group() == weights.tile().columns()
              ? Optional.of(Kind.FP8_BLOCK)
              : Optional.empty();
      case "channel" ->
          Optional.of(inputs.isPresent() && inputs.dynamic() ? Kind.FP8_CHANNEL_TOKEN : Kind.FP8);
      case "tensor" -> Optional.of(Kind.FP8);
      default -> Optional.empty();
    };
  }

  private static Scheme scheme(Kind kind, Arguments weights, Arguments inputs) {
    return switch (kind) {
      case NVFP4_WEIGHT_ONLY -> CompressedSchemes.nvfp4(false);
      case NVFP4 -> CompressedSchemes.nvfp4(true);
      case MXFP4 -> CompressedSchemes.mxfp4();
      case MXFP8 -> CompressedSchemes.mxfp8();
      case W4A8_FP8, WEIGHT_ONLY ->
          CompressedSchemes.packed(
              new Packing(
                  weights.bits(), weights.group(), weights.symmetric(), weights.actOrder()));
      case FP8, FP8_CHANNEL_TOKEN, FP8_BLOCK ->
          CompressedSchemes.fp8(weights.tile(), inputs.isStatic());
      case INT8, W4A8_INT ->
          CompressedSchemes.bytes(
              weights.bits(),
              weights.tile(),
              inputs.isStatic(),
              inputs.isStatic() && !inputs.symmetric());
    };
  }
}
