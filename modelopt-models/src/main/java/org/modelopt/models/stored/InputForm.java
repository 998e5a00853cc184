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
      case "modelopt" -> modelOpt(declared.path("quant_algo").asString(""), weight);
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

  private static Optional<QuantSpec> modelOpt(String algorithm, QuantSpec weight) {
    return switch (algorithm) {
      case "FP8_PER_CHANNEL_PER_TOKEN" -> Optional.of(QuantSpec.FP8_PER_TOKEN);
      case "FP8_PB_WO" -> Optional.of(QuantSpec.FP8_TOKEN_BLOCK_128);
      case "MXFP8" -> Optional.of(QuantSpec.MXFP8.asDynamic());
      case "MXFP4" -> Optional.of(weight.asDynamic());
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
                  inputs.path("group_size").asInt(128) == 32
                      ? QuantSpec.MXFP8.asDynamic()
                      : QuantSpec.FP8_TOKEN_BLOCK_128);
          default -> Optional.empty();
        };
      }
    }
    return Optional.empty();
  }
}
