package org.modelopt.export.verify.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.export.verify.checkpoint.JsonFiles;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import tools.jackson.databind.JsonNode;

/** Finds the description of the quantization where consumers look for it. */
public final class SettingsReader {
  private static final Violation NO_METHOD =
      new Violation(
          "no quant_method",
          "transformers refuses such a configuration, others have to guess",
          "name the method in config.json quantization_config");
  private static final Violation UNKNOWN =
      new Violation(
          "unknown quant_method",
          "its tensors cannot be checked, and consumers may not know it either",
          "use one of the methods that consumers name");

  private static final List<String> METHODS =
      List.of("modelopt", "fp8", "awq", "gptq", "compressed-tensors", "mxfp4");

  private SettingsReader() {}

  /**
   * Reads the settings.
   *
   * @param config the object in {@code config.json}
   * @param directory where further files are
   */
  public static QuantizationSettings read(JsonNode config, Path directory, Findings findings) {
    Optional<JsonNode> inline = inline(config);
    Optional<JsonNode> hfQuantConfig = JsonFiles.read(directory, "hf_quant_config.json", findings);
    Optional<JsonNode> quantizeConfig = JsonFiles.read(directory, "quantize_config.json", findings);
    if (inline.isEmpty() && hfQuantConfig.isEmpty()) {
      return new Unquantized();
    }
    String method = inline.map(node -> node.path("quant_method").asString("")).orElse("modelopt");
    String plain = method.toLowerCase(Locale.ROOT).replace('_', '-');
    if (plain.isEmpty()) {
      findings.error(
          NO_METHOD, Place.file("config.json quantization_config"), "quant_method", "absent");
      plain = inline.orElseThrow().has("quant_algo") ? "modelopt" : "unknown";
    }
    if (plain.startsWith("modelopt")) {
      return ModelOptSettings.read(inline, hfQuantConfig, findings);
    }
    JsonNode node = inline.orElseThrow();
    return switch (plain) {
      case "fp8" -> Fp8Settings.read(node, findings);
      case "awq" -> AwqSettings.read(node, findings);
      case "gptq" -> GptqSettings.read(node, quantizeConfig, findings);
      case "compressed-tensors" -> CompressedTensorsSettings.read(node, findings);
      case "mxfp4" -> Mxfp4Settings.read(node);
      default -> {
        findings.error(UNKNOWN, Place.file("config.json quantization_config"), METHODS, method);
        yield new UnknownMethod(plain);
      }
    };
  }

  private static Optional<JsonNode> inline(JsonNode config) {
    for (JsonNode node :
        new JsonNode[] {
          config.path("quantization_config"),
          config.path("text_config").path("quantization_config"),
          config.path("compression_config")
        }) {
      if (node.isObject()) {
        return Optional.of(node);
      }
    }
    return Optional.empty();
  }
}
