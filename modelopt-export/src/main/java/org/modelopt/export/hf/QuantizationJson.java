package org.modelopt.export.hf;

import java.util.List;
import java.util.Optional;
import org.modelopt.ModelOpt;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The two descriptions of a quantized checkpoint: the flat one inside {@code config.json}, and the
 * nested one in {@code hf_quant_config.json}, which older readers take first.
 *
 * @param quantAlgo name of the format
 * @param kvCacheAlgo name of the format of the KV cache, if it is quantized
 * @param excluded patterns of modules that are not quantized
 */
record QuantizationJson(String quantAlgo, Optional<String> kvCacheAlgo, List<String> excluded) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** Content of {@code quantization_config} in {@code config.json}. */
  ObjectNode flat() {
    ObjectNode config = NODES.objectNode();
    ObjectNode group = config.putObject("config_groups").putObject("group_0");
    group.set("input_activations", staticFloat8());
    group.set("weights", staticFloat8());
    group.putArray("targets").add("Linear");
    config.set("ignore", array(excluded));
    config.put("quant_algo", quantAlgo);
    kvCacheAlgo.ifPresent(algo -> config.set("kv_cache_scheme", staticFloat8()));
    config.set("producer", producer());
    config.put("quant_method", "modelopt");
    return config;
  }

  /** Content of {@code hf_quant_config.json}. */
  ObjectNode nested() {
    ObjectNode config = NODES.objectNode();
    config.set("producer", producer());
    ObjectNode quantization = config.putObject("quantization");
    quantization.put("quant_algo", quantAlgo);
    kvCacheAlgo.ifPresentOrElse(
        algo -> quantization.put("kv_cache_quant_algo", algo),
        () -> quantization.putNull("kv_cache_quant_algo"));
    quantization.set("exclude_modules", array(excluded));
    return config;
  }

  private static ObjectNode staticFloat8() {
    return NODES.objectNode().put("dynamic", false).put("num_bits", 8).put("type", "float");
  }

  /** Readers recognise the format by this name. */
  private static ObjectNode producer() {
    return NODES.objectNode().put("name", "modelopt").put("version", ModelOpt.version());
  }

  private static ArrayNode array(List<String> values) {
    ArrayNode array = NODES.arrayNode();
    values.forEach(array::add);
    return array;
  }

  /** {@code node} as text, indented by two spaces, with a line break at the end. */
  static String text(ObjectNode node) {
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("")
                    .withArrayEmptySeparator(""))
            .withObjectIndenter(indenter)
            .withArrayIndenter(indenter);
    return MAPPER.writer(printer).writeValueAsString(node) + "\n";
  }
}
