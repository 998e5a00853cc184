package org.modelopt.export.gguf.architecture;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.modelopt.error.CheckpointException;
import org.modelopt.models.hf.HfConfig;

/** An architecture of llama.cpp and the classes of transformers that become it. */
public enum GgufArchitecture {
  /** Llama, Mistral and Mixtral; rotates adjacent pairs, so that q and k are permuted. */
  LLAMA("llama", "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM"),
  /** Qwen 2 and 2.5. */
  QWEN2("qwen2", "Qwen2ForCausalLM"),
  /** Qwen 3. */
  QWEN3("qwen3", "Qwen3ForCausalLM"),
  /** Qwen 3 with experts. */
  QWEN3MOE("qwen3moe", "Qwen3MoeForCausalLM"),
  /** Gemma 2. */
  GEMMA2("gemma2", "Gemma2ForCausalLM"),
  /** Gemma 3, text part. */
  GEMMA3("gemma3", "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"),
  /** Phi-3 and Phi-4 (mini), with fused projections. */
  PHI3("phi3", "Phi3ForCausalLM"),
  /** gpt-oss. */
  GPT_OSS("gpt-oss", "GptOssForCausalLM");

  private final String id;

  private final List<String> classes;

  GgufArchitecture(String id, String... classes) {
    this.id = id;
    this.classes = List.of(classes);
  }

  /** The value of {@code general.architecture}, and the first part of its keys. */
  public String id() {
    return id;
  }

  /** Whether rows of q and k are put into the order of adjacent rotary pairs. */
  public boolean permutesRotary() {
    return this == LLAMA;
  }

  /** Whether norms are stored as their difference from 1, which llama.cpp does not know. */
  public boolean hasUnitOffsetNorms() {
    return this == GEMMA2 || this == GEMMA3;
  }

  /** Whether the output always is the embedding. */
  boolean isAlwaysTied() {
    return this == GEMMA2;
  }

  /** The architecture that a class of transformers becomes, if there is one. */
  public static Optional<GgufArchitecture> ofClass(String name) {
    return Arrays.stream(values()).filter(a -> a.classes.contains(name)).findFirst();
  }

  /** The architecture that is called {@code id} in a GGUF file, if it is known. */
  public static Optional<GgufArchitecture> ofId(String id) {
    return Arrays.stream(values()).filter(a -> a.id.equals(id)).findFirst();
  }

  /**
   * The architecture of a checkpoint.
   *
   * @throws CheckpointException if it has none that is known; the message lists those that are
   */
  public static GgufArchitecture of(HfConfig config) {
    String name =
        config
            .findTexts("architectures")
            .flatMap(list -> list.stream().findFirst())
            .orElseThrow(() -> config.missing("architectures"));
    return ofClass(name)
        .orElseThrow(() ->
            new CheckpointException(
                "%s: there is no GGUF form of %s; known are %s"
                    .formatted(
                        config.file(),
                        name,
                        Arrays.stream(values())
                            .flatMap(a -> a.classes.stream())
                            .collect(Collectors.joining(", ")))));
  }
}
