package org.modelopt.export.unified;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.export.hf.JsonText;
import org.modelopt.version.Version;
import tools.jackson.databind.node.ObjectNode;

/**
 * The two descriptions of a quantized checkpoint: the flat one inside {@code config.json}, and the
 * nested one in {@code hf_quant_config.json}, which older readers take first.
 *
 * @param layers format of each quantized linear, by name
 * @param cache name of the format of the KV cache, if it is quantized
 * @param excluded patterns of modules that are not quantized
 */
record Description(
    SequencedMap<String, LinearFormat> layers, Optional<String> cache, List<String> excluded) {
  private static final String MIXED = "MIXED_PRECISION";

  /** The format of all linears, if they have the same. */
  Optional<LinearFormat> only() {
    List<LinearFormat> formats = layers.values().stream().distinct().toList();
    return formats.size() == 1 ? Optional.of(formats.getFirst()) : Optional.empty();
  }

  /** The value of {@code quant_algo}. */
  String algorithm() {
    return only().map(format -> format.algorithm().text()).orElse(MIXED);
  }

  /** Content of {@code quantization_config} in {@code config.json}. */
  ObjectNode flat() {
    ObjectNode config = JsonText.object();
    ObjectNode groups = JsonText.object();
    Optional<LinearFormat> only = only();
    if (only.isPresent()) {
      only.get()
          .group(false)
          .ifPresent(group -> {
            group.set("targets", JsonText.array(List.of("Linear")));
            groups.set("group_0", group);
          });
    } else {
      membersOfFormats()
          .forEach((format, members) -> {
            ObjectNode group = format.group(true).orElseThrow();
            group.set("targets", JsonText.array(members.stream().sorted().toList()));
            groups.set("group_" + groups.size(), group);
          });
    }
    if (!groups.isEmpty()) {
      config.set("config_groups", groups);
    }
    config.set("ignore", JsonText.array(excluded));
    config.put("quant_algo", algorithm());
    cache.ifPresent(format -> {
      if (format.equals("FP8")) {
        config.set(
            "kv_cache_scheme",
            JsonText.object().put("dynamic", false).put("num_bits", 8).put("type", "float"));
      } else {
        config.put("kv_cache_scheme", format);
      }
    });
    config.set("producer", producer());
    config.put("quant_method", "modelopt");
    if (only.isEmpty()) {
      config.set("quantized_layers", quantizedLayers());
    }
    return config;
  }

  /** Content of {@code hf_quant_config.json}. */
  ObjectNode nested() {
    ObjectNode config = JsonText.object();
    config.set("producer", producer());
    ObjectNode quantization = config.putObject("quantization");
    quantization.put("quant_algo", algorithm());
    cache.ifPresentOrElse(
        format -> quantization.put("kv_cache_quant_algo", format),
        () -> quantization.putNull("kv_cache_quant_algo"));
    only().ifPresent(format -> format.describe(quantization));
    quantization.set("exclude_modules", JsonText.array(excluded));
    if (only().isEmpty()) {
      quantization.set("quantized_layers", quantizedLayers());
    }
    return config;
  }

  private Map<LinearFormat, List<String>> membersOfFormats() {
    Map<LinearFormat, List<String>> members = new LinkedHashMap<>();
    layers.forEach(
        (name, format) -> members.computeIfAbsent(format, key -> new ArrayList<>()).add(name));
    return members;
  }

  private ObjectNode quantizedLayers() {
    ObjectNode node = JsonText.object();
    layers.forEach((name, format) -> node.set(name, format.layer()));
    return node;
  }

  /** Readers recognise the format by this name. */
  private static ObjectNode producer() {
    return JsonText.object().put("name", "modelopt").put("version", Version.current());
  }
}
