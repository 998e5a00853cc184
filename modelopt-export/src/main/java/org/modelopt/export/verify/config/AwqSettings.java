package org.modelopt.export.verify.config;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.AwqSchemes;
import org.modelopt.export.verify.scheme.LlmAwqSchemes;
import org.modelopt.export.verify.scheme.Scheme;
import tools.jackson.databind.JsonNode;

/**
 * AutoAWQ and llm-awq.
 *
 * @param version {@code gemm}, or {@code llm-awq}
 * @param group inputs under one scale; 0 for all of them
 * @param exclusions {@code modules_to_not_convert}
 */
public record AwqSettings(String version, int group, List<String> exclusions)
    implements QuantizationSettings {
  private static final Violation FIELD =
      new Violation(
          "AWQ configuration",
          "loaders know only 4-bit codes, and choose their fast kernels by the keys bits,"
              + " group_size and zero_point",
          "write bits 4, group_size, zero_point and version gemm");

  private static final String LLM_AWQ = "llm-awq";
  private static final List<String> VERSIONS = List.of("gemm", LLM_AWQ);

  /** Copies the list. */
  public AwqSettings {
    exclusions = List.copyOf(exclusions);
  }

  static AwqSettings read(JsonNode node, Findings findings) {
    Place place = Place.file("config.json quantization_config");
    JsonNode bits = node.path("bits");
    if (bits.asInt(0) != 4) {
      findings.error(FIELD, place, "bits 4", bits.isMissingNode() ? "no bits" : "bits " + bits);
    }
    String version = node.path("version").asString("gemm").toLowerCase(Locale.ROOT);
    if (!VERSIONS.contains(version)) {
      findings.error(FIELD, place, "version gemm or llm-awq", "version " + version);
    }
    if (!node.path("zero_point").isBoolean()) {
      findings.error(FIELD, place, "zero_point true or false", "neither");
    }
    if (!node.path("group_size").isIntegralNumber()) {
      findings.error(
          FIELD, place, "group_size", node.has("q_group_size") ? "q_group_size" : "absent");
    }
    int group = node.path("group_size").asInt(node.path("q_group_size").asInt(128));
    return new AwqSettings(
        version,
        Math.max(group, 0),
        ModelOptView.strings(node.path("modules_to_not_convert")).orElse(List.of()));
  }

  /** Whether codes are in the order of llm-awq, which only its own kernels read. */
  public boolean isInterleaved() {
    return version.equals(LLM_AWQ);
  }

  @Override
  public String method() {
    return "awq";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    return Optional.of(isInterleaved() ? LlmAwqSchemes.of(group) : AwqSchemes.gemm(group));
  }

  @Override
  public String kvCache() {
    return "";
  }
}
