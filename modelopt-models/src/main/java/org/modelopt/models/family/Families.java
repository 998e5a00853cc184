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
          new Family("llama", "LlamaForCausalLM", Llama::read),
          new Family("mistral", "MistralForCausalLM", Mistral::read),
          new Family("mixtral", "MixtralForCausalLM", Mixtral::read),
          new Family("qwen2", "Qwen2ForCausalLM", Qwen::read2),
          new Family("qwen2_moe", "Qwen2MoeForCausalLM", Qwen::read2Experts),
          new Family("qwen3", "Qwen3ForCausalLM", Qwen::read3),
          new Family("qwen3_moe", "Qwen3MoeForCausalLM", Qwen::read3Experts),
          new Family("gemma2", "Gemma2ForCausalLM", Gemma::read2),
          new Family("gemma3_text", "Gemma3ForCausalLM", Gemma::read3),
          new Family("phi3", "Phi3ForCausalLM", Phi3::read),
          new Family("granite", "GraniteForCausalLM", Granite::read),
          new Family("olmo2", "Olmo2ForCausalLM", Olmo2::read),
          new Family("smollm3", "SmolLM3ForCausalLM", SmolLm3::read),
          new Family("glm4", "Glm4ForCausalLM", Glm4::read),
          new Family("deepseek_v3", "DeepseekV3ForCausalLM", DeepSeekV3::read),
          new Family("gpt_oss", "GptOssForCausalLM", GptOss::read),
          new Family("llama4_text", "Llama4ForCausalLM", Llama4::read));

  private Families() {}

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
