package org.modelopt.export.verify.layout;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import org.modelopt.error.CheckpointException;
import tools.jackson.databind.JsonNode;

/**
 * The fields of {@code config.json} that decide names and shapes of tensors. Multimodal models keep
 * those of their language model in {@code text_config}.
 */
public final class ModelConfig {
  private static final long MOST_PARTS = 10_000;

  private final JsonNode root;
  private final JsonNode text;

  /** Reads from the object in {@code config.json}. */
  public ModelConfig(JsonNode root) {
    this.root = root;
    this.text = root.path("text_config").isObject() ? root.path("text_config") : root;
  }

  /** The whole object. */
  public JsonNode root() {
    return root;
  }

  /** Whether the language model is one part of a larger model. */
  public boolean isMultimodal() {
    return root.path("text_config").isObject();
  }

  /** The architecture's name, lower case; empty if absent. */
  public String modelType() {
    return text.path("model_type").asString("").toLowerCase(Locale.ROOT);
  }

  /** A size, if the field is there and not null. */
  public OptionalLong find(String field) {
    JsonNode value = text.path(field);
    return value.isIntegralNumber() ? OptionalLong.of(value.asLong()) : OptionalLong.empty();
  }

  /**
   * A size that must be there.
   *
   * @throws CheckpointException if it is absent or not a positive whole number
   */
  public long size(String field) {
    long value = find(field).orElse(0);
    if (value <= 0) {
      throw new CheckpointException(field + ": expected a positive whole number");
    }
    return value;
  }

  /** A truth value, {@code fallback} if absent. */
  public boolean flag(String field, boolean fallback) {
    JsonNode value = text.path(field);
    return value.isBoolean() ? value.asBoolean() : fallback;
  }

  /** Whether a field is there and not null. */
  public boolean has(String field) {
    return text.hasNonNull(field);
  }

  /** Whether a list of numbers contains {@code number}. */
  public boolean listContains(String field, long number) {
    for (JsonNode value : text.path(field)) {
      if (value.isIntegralNumber() && value.asLong() == number) {
        return true;
      }
    }
    return false;
  }

  /**
   * Number of decoder layers.
   *
   * @throws CheckpointException if it is absent or beyond what any model has
   */
  public long layers() {
    return count("num_hidden_layers");
  }

  /** A number of parts that must be there and not be beyond what any model has. */
  long count(String field) {
    long value = size(field);
    if (value > MOST_PARTS) {
      throw new CheckpointException(field + ": expected at most " + MOST_PARTS + ", not " + value);
    }
    return value;
  }

  /** Number of query heads. */
  public long heads() {
    return size("num_attention_heads");
  }

  /** Number of key and value heads. */
  public long kvHeads() {
    return find("num_key_value_heads").orElse(heads());
  }

  /** Size of a head: as stated, else hidden size over heads. */
  public long headSize() {
    return find("head_dim").orElseGet(() -> size("hidden_size") / heads());
  }

  /** Whether the output head is the embedding table, so that it has no tensor of its own. */
  public boolean isTied() {
    JsonNode own = text.path("tie_word_embeddings");
    JsonNode outer = root.path("tie_word_embeddings");
    return outer.isBoolean()
        ? outer.asBoolean()
        : own.isBoolean() ? own.asBoolean() : modelType().startsWith("gemma");
  }

  /**
   * The type of unquantized tensors as the file spells it: {@code dtype} or {@code torch_dtype}.
   */
  public Optional<String> dtype() {
    for (String field : new String[] {"dtype", "torch_dtype"}) {
      for (JsonNode node : new JsonNode[] {root, text}) {
        if (node.path(field).isString()) {
          String name = node.path(field).asString();
          return Optional.of(name.startsWith("torch.") ? name.substring("torch.".length()) : name);
        }
      }
    }
    return Optional.empty();
  }
}
