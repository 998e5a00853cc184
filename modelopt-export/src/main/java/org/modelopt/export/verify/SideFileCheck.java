package org.modelopt.export.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.error.CheckpointException;
import org.modelopt.export.verify.checkpoint.JsonFiles;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import tools.jackson.databind.JsonNode;

/** {@code config.json} by itself and against the original, and the files that are to be copied. */
final class SideFileCheck {
  private static final List<String> COPIED =
      List.of(
          "tokenizer.json",
          "tokenizer.model",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja",
          "chat_template.json",
          "preprocessor_config.json",
          "generation_config.json");

  /** Fields that an exporter may add or change. */
  private static final Set<String> OWN =
      Set.of(
          "dtype",
          "torch_dtype",
          "quantization_config",
          "compression_config",
          "sparse_attention_config",
          "transformers_version",
          "use_cache",
          "_name_or_path");

  /** The reference exporter sets it where sampling settings need it. */
  private static final String SAMPLING = "do_sample";

  private static final Violation NO_CONFIG =
      new Violation(
          "no config.json", "nothing can be loaded without it", "copy it from the original");
  private static final Violation FIELD =
      new Violation(
          "config.json field",
          "loaders choose the model's code by it",
          "copy the field from the original");
  private static final Violation CHANGED =
      new Violation(
          "config.json field differs from the original",
          "the model is built with other settings than it was trained with",
          "copy the field from the original");
  private static final Violation OTHER_FILE =
      new Violation(
          "file differs from the original",
          "texts are cut into other tokens, or answers end elsewhere",
          "copy the file byte for byte");
  private static final Violation NO_FILE =
      new Violation(
          "file of the original is missing",
          "servers need it unless they are told where else it is",
          "copy the file byte for byte");

  private SideFileCheck() {}

  /** Reads {@code config.json}; what is wrong with it alone goes to {@code findings}. */
  static Optional<JsonNode> config(Path export, Findings findings) {
    if (!Files.exists(export.resolve("config.json"))) {
      findings.error(NO_CONFIG, Place.file("config.json"), "a file", "absent");
      return Optional.empty();
    }
    Optional<JsonNode> config = JsonFiles.read(export, "config.json", findings);
    config.ifPresent(node -> {
      JsonNode architectures = node.path("architectures");
      if (!architectures.isArray() || architectures.isEmpty()) {
        findings.error(
            FIELD,
            Place.file("config.json architectures"),
            "a list",
            architectures.isMissingNode() ? "absent" : architectures);
      }
      if (!node.path("model_type").isString()) {
        findings.error(FIELD, Place.file("config.json model_type"), "a name", "absent");
      }
    });
    return config;
  }

  /** Compares with the original. */
  static void compare(Path export, JsonNode config, Path original, Findings findings) {
    Findings ignored = new Findings();
    JsonFiles.read(original, "config.json", ignored)
        .ifPresent(before -> compareFields(config, before, findings));
    for (String name : COPIED) {
      Path before = original.resolve(name);
      Path after = export.resolve(name);
      if (!Files.exists(before)) {
        continue;
      }
      if (!Files.exists(after)) {
        findings.note(NO_FILE, Place.file(name), "a copy", "absent");
      } else if (!areEqual(before, after)) {
        if (name.equals("generation_config.json") && differInSamplingOnly(original, export, name)) {
          findings.note(OTHER_FILE, Place.file(name), "a copy", "another " + SAMPLING);
        } else {
          findings.error(OTHER_FILE, Place.file(name), "a copy", "other bytes");
        }
      }
    }
  }

  private static void compareFields(JsonNode config, JsonNode before, Findings findings) {
    for (Map.Entry<String, JsonNode> field : before.properties()) {
      JsonNode now = config.path(field.getKey());
      if (!OWN.contains(field.getKey()) && !now.equals(field.getValue())) {
        findings.error(
            CHANGED,
            Place.file("config.json " + field.getKey()),
            field.getValue(),
            now.isMissingNode() ? "absent" : now);
      }
    }
  }

  private static boolean areEqual(Path before, Path after) {
    try {
      return Files.mismatch(before, after) < 0;
    } catch (IOException e) {
      throw new CheckpointException(before + " and " + after + " cannot be compared: " + e, e);
    }
  }

  private static boolean differInSamplingOnly(Path original, Path export, String name) {
    Findings ignored = new Findings();
    Optional<JsonNode> before = JsonFiles.read(original, name, ignored);
    Optional<JsonNode> after = JsonFiles.read(export, name, ignored);
    if (before.isEmpty() || after.isEmpty()) {
      return false;
    }
    Set<String> keys = new HashSet<>(before.get().propertyNames());
    keys.addAll(after.get().propertyNames());
    keys.remove(SAMPLING);
    return keys.stream().allMatch(key -> before.get().path(key).equals(after.get().path(key)));
  }
}
