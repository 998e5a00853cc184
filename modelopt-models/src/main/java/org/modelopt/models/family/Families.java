package org.modelopt.models.family;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.modelopt.error.CheckpointException;
import org.modelopt.models.hf.HfConfig;

/**
 * The families that are known. A new one is a line here and a function in {@link Llama}'s style.
 */
public final class Families {
  private static final List<Family> ALL =
      List.of(
          new Family(
              "llama",
              "LlamaForCausalLM",
              "rotary scaling linear, dynamic, llama3, yarn, longrope; biases by config",
              Llama::read),
          new Family("mistral", "MistralForCausalLM", "sliding window", Mistral::read),
          new Family(
              "mixtral", "MixtralForCausalLM", "experts w1, w3, w2; sliding window", Mixtral::read),
          new Family(
              "qwen2",
              "Qwen2ForCausalLM",
              "biases on q, k, v; sliding window by layer",
              Qwen::read2),
          new Family(
              "qwen2_moe",
              "Qwen2MoeForCausalLM",
              "as qwen2; experts and a gated shared expert",
              Qwen::read2Experts),
          new Family("qwen3", "Qwen3ForCausalLM", "heads normalised", Qwen::read3),
          new Family("qwen3_moe", "Qwen3MoeForCausalLM", "as qwen3; experts", Qwen::read3Experts),
          new Family(
              "gemma2",
              "Gemma2ForCausalLM",
              "norms around both branches, 1 + weight; caps on scores and logits; window on every"
                  + " other layer",
              Gemma::read2),
          new Family(
              "gemma3_text",
              "Gemma3ForCausalLM",
              "as gemma2 without caps; heads normalised; two rotary bases",
              Gemma::read3),
          new Family(
              "phi3",
              "Phi3ForCausalLM",
              "fused qkv and gate_up; longrope; sliding window",
              Phi3::read),
          new Family(
              "granite",
              "GraniteForCausalLM",
              "factors of embeddings, scores, branches, logits",
              Granite::read),
          new Family(
              "olmo2",
              "Olmo2ForCausalLM",
              "norms after the branches; q and k normalised whole",
              Olmo2::read),
          new Family(
              "smollm3",
              "SmolLM3ForCausalLM",
              "every fourth layer without rotary embedding",
              SmolLm3::read),
          new Family(
              "glm4",
              "Glm4ForCausalLM",
              "four norms; neighbours rotated, half of each head; fused gate_up",
              Glm4::read),
          new Family(
              "deepseek_v3",
              "DeepseekV3ForCausalLM",
              "latent attention; sigmoid routing in groups with correction; shared experts; MTP"
                  + " layers kept, not run",
              DeepSeekV3::read),
          new Family(
              "gpt_oss",
              "GptOssForCausalLM",
              "sinks; sliding window on every other layer; clamped SwiGLU; stacked experts, also in"
                  + " MXFP4 as shipped",
              GptOss::read),
          new Family(
              "llama4_text",
              "Llama4ForCausalLM",
              "chunked layers and layers without positions; stacked experts read one by one; shared"
                  + " expert",
              Llama4::read));

  private Families() {}

  /** The families as rows of a Markdown table. */
  public static String table() {
    StringBuilder table =
        new StringBuilder("| model_type | class | what is particular |\n|---|---|---|\n");
    ALL.forEach(family ->
        table.append(
            "| `%s` | `%s` | %s |\n"
                .formatted(family.modelType(), family.architecture(), family.notes())));
    return table.toString();
  }

  /** All families. */
  public static List<Family> all() {
    return ALL;
  }

  /**
   * The family of a model: by {@code architectures} in its config.json, or by {@code model_type}
   * where that is absent.
   *
   * @throws CheckpointException if it is not known; the message lists those that are
   */
  public static Family of(HfConfig config) {
    Optional<String> architecture =
        config.findTexts("architectures").flatMap(list -> list.stream().findFirst());
    Optional<String> modelType = config.findText("model_type");
    if (architecture.isEmpty() && modelType.isEmpty()) {
      throw config.missing("architectures");
    }
    return ALL.stream()
        .filter(family ->
            architecture.isPresent()
                ? architecture.get().equals(family.architecture())
                : modelType.orElseThrow().equals(family.modelType()))
        .findFirst()
        .orElseThrow(() ->
            new CheckpointException(
                "%s: architecture %s is not known; known are %s"
                    .formatted(
                        config.file(),
                        architecture.or(() -> modelType).orElseThrow(),
                        ALL.stream().map(Family::architecture).collect(Collectors.joining(", ")))));
  }
}
