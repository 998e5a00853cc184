package org.modelopt.models.stored;

import java.util.Locale;
import java.util.Optional;
import org.modelopt.models.hf.HfConfig;
import org.modelopt.numeric.QuantSpec;
import tools.jackson.databind.JsonNode;

/** How inputs are quantized as they come, which tensors do not show. */
final class InputForm {
  private InputForm() {}

  /**
   * The dynamic format of the inputs of a weight of {@code weight}, if {@code quantization_config}
   * says there is one.
   */
  static Optional<QuantSpec> dynamic(HfConfig config, QuantSpec weight) {
    JsonNode declared = config.json().path("quantization_config");
    String method = declared.path("quant_method").asString("").toLowerCase(Locale.ROOT);
    return switch (method) {
      case "modelopt" -> modelOpt(declared, weight);
      case "fp8" ->
          declared.path("activation_scheme").asString("dynamic").equals("dynamic")
              ? Optional.of(
                  declared.has("weight_block_size")
                      ? QuantSpec.FP8_TOKEN_BLOCK_128
                      : QuantSpec.FP8.asDynamic())
              : Optional.empty();
      case "compressed-tensors" -> compressedTensors(declared);
      default -> Optional.empty();
    };
  }

  private static Optional<QuantSpec> modelOpt(JsonNode declared, QuantSpec weight) {
    return switch (declared.path("quant_algo").asString("").toUpperCase(Locale.ROOT)) {
      case "FP8_PER_CHANNEL_PER_TOKEN" -> Optional.of(QuantSpec.FP8_PER_TOKEN);
      case "FP8_PB_WO" -> Optional.of(QuantSpec.FP8_TOKEN_BLOCK_128);
      case "MXFP8" -> Optional.of(QuantSpec.MXFP8.asDynamic());
      // The name alone does not say whether inputs are quantized.
      case "MXFP4" ->
          declared.path("config_groups").path("group_0").path("input_activations").isObject()
              ? Optional.of(weight.asDynamic())
              : Optional.empty();
      default -> Optional.empty();
    };
  }

  private static Optional<QuantSpec> compressedTensors(JsonNode declared) {
    for (JsonNode group : declared.path("config_groups")) {
      JsonNode inputs = group.path("input_activations");
      if (inputs.isObject() && inputs.path("dynamic").asBoolean(false)) {
        boolean real = inputs.path("type").asString("").equals("float");
        return switch (inputs.path("strategy").asString("")) {
          case "token" -> Optional.of(real ? QuantSpec.FP8_PER_TOKEN : QuantSpec.INT8_PER_TOKEN);
          case "group" ->
              Optional.of(
                  inputs.path("group_size").asInt(128) != 32
                      ? QuantSpec.FP8_TOKEN_BLOCK_128
                      : inputs.path("num_bits").asInt(8) == 4
                          ? QuantSpec.MXFP4.asDynamic()
                          : QuantSpec.MXFP8.asDynamic());
          default -> Optional.empty();
        };
      }
    }
    return Optional.empty();
  }
}
