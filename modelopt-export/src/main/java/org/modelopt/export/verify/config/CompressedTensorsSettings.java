package org.modelopt.export.verify.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Scheme;
import tools.jackson.databind.JsonNode;

/**
 * The {@code compressed-tensors} method.
 *
 * @param groups the groups of {@code config_groups}
 * @param exclusions {@code ignore}: names, or {@code re:} and a pattern
 * @param format the global {@code format}; empty if absent
 * @param kvCache format of the cache; empty if none
 */
public record CompressedTensorsSettings(
    List<CompressedGroup> groups, List<String> exclusions, String format, String kvCache)
    implements QuantizationSettings {
  private static final String PLACE = "config.json quantization_config ";

  private static final Violation SPARSITY =
      new Violation(
          "sparsity_config",
          "vLLM refuses any, even one that says dense",
          "write pruned weights with their zeros and leave sparsity_config out");
  private static final Violation NO_GROUPS =
      new Violation(
          "no config_groups", "nothing says how layers are stored", "write one group for Linear");
  private static final Violation STATUS =
      new Violation(
          "quantization_status",
          "loaders take other states for a model that is still to be compressed",
          "write compressed");
  private static final Violation CACHE =
      new Violation(
          "cache scheme that no loader knows",
          "servers stop, or keep the cache in the model's type",
          "use 8-bit symmetric floats with one scale for each tensor");

  /** Copies the lists. */
  public CompressedTensorsSettings {
    groups = List.copyOf(groups);
    exclusions = List.copyOf(exclusions);
  }

  static CompressedTensorsSettings read(JsonNode node, Findings findings) {
    String format = node.path("format").asString("");
    List<CompressedGroup> groups = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : node.path("config_groups").properties()) {
      groups.add(CompressedGroup.read(entry.getKey(), entry.getValue(), format, findings));
    }
    if (groups.isEmpty()) {
      findings.error(NO_GROUPS, Place.file(PLACE + "config_groups"), "a group", "none");
    }
    if (node.has("sparsity_config")) {
      findings.error(SPARSITY, Place.file(PLACE + "sparsity_config"), "absent", "present");
    }
    String status = node.path("quantization_status").asString("compressed");
    if (!status.equals("compressed")) {
      findings.error(STATUS, Place.file(PLACE + "quantization_status"), "compressed", status);
    }
    return new CompressedTensorsSettings(
        groups,
        ModelOptView.strings(node.path("ignore")).orElse(List.of()),
        format,
        cache(node.path("kv_cache_scheme"), findings));
  }

  private static String cache(JsonNode scheme, Findings findings) {
    if (!scheme.isObject()) {
      return "";
    }
    boolean known =
        scheme.path("num_bits").asInt(8) == 8
            && scheme.path("type").asString("int").equals("float")
            && scheme.path("symmetric").asBoolean(true)
            && List.of("tensor", "attn_head").contains(scheme.path("strategy").asString("tensor"));
    if (!known) {
      findings.error(
          CACHE, Place.file(PLACE + "kv_cache_scheme"), "8-bit symmetric floats", scheme);
    }
    return "FP8";
  }

  @Override
  public String method() {
    return "compressed-tensors";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    return group(module).flatMap(CompressedGroup::scheme);
  }

  /** The group of a layer: by its name or a pattern, else the one for all linear layers. */
  private Optional<CompressedGroup> group(String module) {
    return groups.stream()
        .filter(group -> group.targets().stream().anyMatch(target -> names(target, module)))
        .findFirst()
        .or(() -> groups.stream().filter(group -> group.targets().contains("Linear")).findFirst());
  }

  /** Whether {@code entry} is {@code module}, or {@code re:} and a pattern of its beginning. */
  public static boolean names(String entry, String module) {
    if (!entry.startsWith("re:")) {
      return entry.equals(module);
    }
    try {
      return Pattern.compile(entry.substring("re:".length())).matcher(module).lookingAt();
    } catch (PatternSyntaxException e) {
      return false;
    }
  }
}
