package org.modelopt.export.verify.config;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * One of the two files that describe a ModelOpt checkpoint, whichever of the two shapes it has.
 *
 * @param algorithm {@code quant_algo} as spelled; empty if absent
 * @param groupSize weights under one scale; 0 if not stated
 * @param kvCache format of the cache; empty if none
 * @param exclusions the exclusion list; empty if the key is absent or null
 * @param layers algorithm of each layer, for mixed precision
 * @param nested whether it has the older shape with a {@code quantization} object
 * @param keys the keys that are there, with a value or null
 */
public record ModelOptView(
    String algorithm,
    int groupSize,
    String kvCache,
    Optional<List<String>> exclusions,
    Map<String, LayerAlgorithm> layers,
    boolean nested,
    Set<String> keys) {
  /**
   * What {@code quantized_layers} says of one layer.
   *
   * @param algorithm its {@code quant_algo}
   * @param groupSize weights under one scale; 0 if not stated
   */
  public record LayerAlgorithm(String algorithm, int groupSize) {}

  /** Copies the collections. */
  public ModelOptView {
    exclusions = exclusions.map(List::copyOf);
    keys = Set.copyOf(keys);
    layers = Collections.unmodifiableMap(new LinkedHashMap<>(layers));
  }

  /** Reads {@code quantization_config} of {@code config.json}, or {@code hf_quant_config.json}. */
  static ModelOptView read(JsonNode document) {
    boolean nested = document.path("quantization").isObject();
    JsonNode node = nested ? document.path("quantization") : document;
    JsonNode list =
        node.has("exclude_modules") ? node.path("exclude_modules") : node.path("ignore");
    Map<String, LayerAlgorithm> layers = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : node.path("quantized_layers").properties()) {
      layers.put(
          entry.getKey(),
          new LayerAlgorithm(
              entry.getValue().path("quant_algo").asString(""),
              entry.getValue().path("group_size").asInt(0)));
    }
    return new ModelOptView(
        node.path("quant_algo").asString(""),
        groupSize(node),
        kvCache(node),
        strings(list),
        layers,
        nested,
        Set.copyOf(node.propertyNames()));
  }

  /** This description, with what it leaves out taken from {@code other}. */
  ModelOptView completedBy(Optional<ModelOptView> other) {
    ModelOptView second = other.orElse(this);
    return new ModelOptView(
        algorithm.isEmpty() ? second.algorithm : algorithm,
        groupSize == 0 ? second.groupSize : groupSize,
        kvCache.isEmpty() ? second.kvCache : kvCache,
        exclusions.or(() -> second.exclusions),
        layers.isEmpty() ? second.layers : layers,
        nested,
        keys);
  }

  private static int groupSize(JsonNode node) {
    if (node.path("group_size").isIntegralNumber()) {
      return node.path("group_size").asInt();
    }
    JsonNode group = node.path("config_groups").path("group_0").path("weights");
    return group.path("group_size").asInt(0);
  }

  private static String kvCache(JsonNode node) {
    JsonNode name =
        node.has("kv_cache_quant_algo")
            ? node.path("kv_cache_quant_algo")
            : node.path("kv_cache_scheme");
    if (name.isObject()) {
      boolean asFloat = name.path("type").asString("").equals("float");
      return switch (name.path("num_bits").asInt(0)) {
        case 8 -> asFloat ? "FP8" : "INT8";
        case 4 -> asFloat ? "NVFP4" : "INT4";
        default -> name.toString();
      };
    }
    return name.asString("");
  }

  /** The strings of a list; empty if {@code node} is no list. */
  static Optional<List<String>> strings(JsonNode node) {
    if (!node.isArray()) {
      return Optional.empty();
    }
    List<String> strings = new ArrayList<>();
    node.forEach(entry -> strings.add(entry.asString("")));
    return Optional.of(strings);
  }
}
