package org.modelopt.export.verify.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.GptqSchemes;
import org.modelopt.export.verify.scheme.GptqSchemes.Form;
import org.modelopt.export.verify.scheme.Scheme;
import tools.jackson.databind.JsonNode;

/**
 * GPTQ. Which layers are quantized is seen from the tensors, unless the configuration lists them.
 *
 * @param form how codes are stored; empty if that is not known here, which a finding says
 * @param only parts of the paths of quantized layers; empty for all
 * @param dynamic patterns with settings of their own, a minus in front of those that are excluded
 */
public record GptqSettings(Optional<Form> form, List<String> only, List<String> dynamic)
    implements QuantizationSettings {
  private static final Violation FIELD =
      new Violation(
          "GPTQ configuration",
          "loaders need bits, group_size, desc_act and sym, and read 4 and 8 bits",
          "write all four, and checkpoint_format gptq or gptq_v2");
  private static final Violation COPY =
      new Violation(
          "quantize_config.json disagrees with config.json",
          "older readers follow quantize_config.json",
          "write both from the same values");

  /** Copies the lists. */
  public GptqSettings {
    only = List.copyOf(only);
    dynamic = List.copyOf(dynamic);
  }

  static GptqSettings read(JsonNode node, Optional<JsonNode> copy, Findings findings) {
    String place = "config.json quantization_config ";
    for (String key : List.of("bits", "group_size", "desc_act", "sym")) {
      if (!node.has(key)) {
        findings.error(FIELD, Place.file(place + key), "a value", "absent");
      }
      if (copy.isPresent() && !copy.get().path(key).equals(node.path(key))) {
        findings.error(
            COPY, Place.file("quantize_config.json " + key), node.path(key), copy.get().path(key));
      }
    }
    int bits = node.path("bits").asInt(4);
    String version = node.path("checkpoint_format").asString("gptq");
    boolean known = (bits == 4 || bits == 8) && List.of("gptq", "gptq_v2").contains(version);
    if (!known) {
      findings.error(
          FIELD,
          Place.file(place + "bits, checkpoint_format"),
          "4 or 8, gptq or gptq_v2",
          bits + ", " + version);
    }
    Form form =
        new Form(
            known ? bits : 4,
            Math.max(node.path("group_size").asInt(128), 0),
            node.path("sym").asBoolean(true),
            node.path("desc_act").asBoolean(false),
            version.equals("gptq_v2"));
    Map<String, JsonNode> patterns = new LinkedHashMap<>();
    node.path("dynamic").properties().forEach(e -> patterns.put(e.getKey(), e.getValue()));
    return new GptqSettings(
        known ? Optional.of(form) : Optional.empty(),
        flatten(node.path("modules_in_block_to_quantize")),
        List.copyOf(patterns.keySet()));
  }

  /** Names, which may be grouped in lists of lists. */
  private static List<String> flatten(JsonNode node) {
    List<String> names = new ArrayList<>();
    for (JsonNode entry : node) {
      if (entry.isArray()) {
        names.addAll(flatten(entry));
      } else {
        names.add(entry.asString(""));
      }
    }
    return names;
  }

  @Override
  public String method() {
    return "gptq";
  }

  @Override
  public Optional<Scheme> scheme(String module) {
    return form.map(GptqSchemes::of);
  }

  @Override
  public List<String> exclusions() {
    return dynamic;
  }

  @Override
  public String kvCache() {
    return "";
  }
}
