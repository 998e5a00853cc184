package org.modelopt.config;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import org.modelopt.error.ConfigException;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/** One place in a YAML text, able to complain about itself with file and line. */
record YamlEntry(String source, Node node) {
  static YamlEntry parse(String text, String source) {
    try {
      LoadSettings settings = LoadSettings.builder().setLabel(source).build();
      return new Compose(settings)
          .composeString(text)
          .map(node -> new YamlEntry(source, node))
          .orElseThrow(() -> new ConfigException(source + ": is empty; a recipe needs rules"));
    } catch (YamlEngineException e) {
      throw new ConfigException(source + ": is not YAML: " + e.getMessage(), e);
    }
  }

  ConfigException failure(String problem) {
    int line = node.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
    return new ConfigException("%s, line %d: %s".formatted(source, line, problem));
  }

  String text() {
    if (node instanceof ScalarNode scalar) {
      return scalar.getValue();
    }
    throw failure("expected a single value");
  }

  /** What {@code reader} makes of the text; its complaints get file and line. */
  <T> T convert(Function<String, T> reader) {
    String text = text();
    try {
      return reader.apply(text);
    } catch (IllegalArgumentException | ConfigException e) {
      ConfigException failure = failure(String.valueOf(e.getMessage()));
      failure.initCause(e);
      throw failure;
    }
  }

  /** The values of a list, or the one value that stands alone. */
  List<String> texts() {
    return node instanceof SequenceNode
        ? items().stream().map(YamlEntry::text).toList()
        : List.of(text());
  }

  List<YamlEntry> items() {
    if (node instanceof SequenceNode sequence) {
      return sequence.getValue().stream().map(item -> new YamlEntry(source, item)).toList();
    }
    throw failure("expected a list");
  }

  Map<String, YamlEntry> mapping() {
    if (!(node instanceof MappingNode mapping)) {
      throw failure("expected keys and values");
    }
    Map<String, YamlEntry> entries = new LinkedHashMap<>();
    mapping
        .getValue()
        .forEach(tuple -> {
          YamlEntry key = new YamlEntry(source, tuple.getKeyNode());
          if (entries.put(key.text(), new YamlEntry(source, tuple.getValueNode())) != null) {
            throw key.failure("the key \"" + key.text() + "\" is there twice");
          }
        });
    return entries;
  }

  /** The entries of a mapping, none of which may have another key than {@code allowed}. */
  Map<String, YamlEntry> keys(Collection<String> allowed) {
    Map<String, YamlEntry> entries = mapping();
    entries.forEach((key, value) -> {
      if (!allowed.contains(key)) {
        throw value.failure(
            "unknown key \"%s\"; %s"
                .formatted(key, Nearest.suggestion(key, new TreeSet<>(allowed))));
      }
    });
    return entries;
  }

  YamlEntry required(Map<String, YamlEntry> entries, String key) {
    YamlEntry entry = entries.get(key);
    if (entry == null) {
      throw failure("the key \"" + key + "\" is missing");
    }
    return entry;
  }
}
