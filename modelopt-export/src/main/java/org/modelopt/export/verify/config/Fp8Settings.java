package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Optional;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.HfFp8Schemes;
import org.modelopt.export.verify.scheme.Scheme;
import tools.jackson.databind.JsonNode;

/**
 * The {@code fp8} method of DeepSeek and transformers.
 *
 * @param blocks rows and columns of a block; empty if each weight has one scale
 * @param staticInputs whether inputs have scales on disk
 * @param exclusions {@code ignored_layers} or {@code modules_to_not_convert}
 */
public record Fp8Settings(List<Integer> blocks, boolean staticInputs, List<String> exclusions)
    implements QuantizationSettings {
  private static final Violation FIELD =
      new Violation(
          "fp8 configuration",
          "loaders stop at it",
          "activation_scheme is static or dynamic; weight_block_size has two sizes and goes with"
              + " dynamic");

  /** Copies the lists. */
  public Fp8Settings {
    blocks = List.copyOf(blocks);
    exclusions = List.copyOf(exclusions);
  }

  static Fp8Settings read(JsonNode node, Findings findings) {
    String place = "config.json quantization_config ";
    String activations = node.path("activation_scheme").asString("");
    if (!List.of("static", "dynamic").contains(activations)) {
      findings.error(
          FIELD, Place.file(place + "activation_scheme"), "static or dynamic", activations);
    }
    JsonNode size = node.path("weight_block_size");
    List<Integer> blocks = List.of();
    if (size.isArray()) {
      boolean whole = size.size() == 2 && size.path(0).asInt(0) > 0 && size.path(1).asInt(0) > 0;
      if (whole && activations.equals("dynamic")) {
        blocks = List.of(size.path(0).asInt(0), size.path(1).asInt(0));
      } else {
        findings.error(
            FIELD, Place.file(place + "weight_block_size"), "two sizes, with dynamic", size);
      }
    }
    Optional<List<String>> ignored =
        ModelOptView.strings(node.path("ignored_layers")).filter(list -> !list.isEmpty());
    return new Fp8Settings(
        blocks,
        activations.equals("static"),
        ignored
            .or(() -> ModelOptView.strings(node.path("modules_to_not_convert")))
            .orElse(List.of()));
  }

  @Override
  public String method() {
    return "fp8";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    return Optional.of(
        blocks.isEmpty()
            ? HfFp8Schemes.tensor(staticInputs)
            : HfFp8Schemes.blocks(blocks.get(0), blocks.get(1)));
  }

  @Override
  public String kvCache() {
    return "";
  }
}
