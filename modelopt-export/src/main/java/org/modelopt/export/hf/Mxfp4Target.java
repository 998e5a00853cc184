package org.modelopt.export.hf;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.write.CheckpointPlan;
import org.modelopt.export.write.SpecTraits;
import org.modelopt.export.write.Subject;
import org.modelopt.export.write.Target;
import org.modelopt.model.Linear;
import org.modelopt.transform.Change;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code mxfp4} method of gpt-oss: all experts in MXFP4, stacked as {@link Mxfp4Stack} says,
 * and everything else as it is.
 */
public record Mxfp4Target() implements Target {
  /** What OpenAI's checkpoints list. */
  private static final List<String> UNQUANTIZED =
      List.of(
          "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head");

  @Override
  public String id() {
    return "hf-mxfp4";
  }

  @Override
  public CheckpointPlan plan(Subject subject) {
    SequencedMap<Linear, WeightQuantization> experts = subject.quantizedWithStackedExperts();
    experts.forEach((linear, how) -> check(subject, linear, how));
    requireAll(subject, experts.keySet());
    if (CacheScales.of(subject).isPresent()) {
      throw new ConfigException(
          "the export "
              + id()
              + " has no place for scales of a KV cache; leave the cache as it is");
    }
    HfPlan plan = HfPlan.of(subject, "MXFP4 experts", new LinkedHashMap<>());
    for (ExpertStack stack : ExpertStack.of(subject.model())) {
      plan.withStack(stack, Mxfp4Stack.of(stack));
    }
    return plan.withConfig(quantization())
        .build(
            Set.of(Consumer.VLLM, Consumer.SGLANG, Consumer.TRTLLM_PYTORCH, Consumer.TRANSFORMERS));
  }

  private void check(Subject subject, Linear linear, WeightQuantization how) {
    if (linear.role() != Linear.Role.STACKED_EXPERT) {
      throw new ConfigException(
          ("%s: the export %s holds experts of gpt-oss only, everything else unquantized; take the"
                  + " config MXFP4_MLP_WEIGHT_ONLY for gpt-oss, another export for other models")
              .formatted(linear.name(), id()));
    }
    Optional<SpecTraits> input = SpecTraits.ofInput(subject.input(linear));
    if (!new SpecTraits(how.spec()).isMxfp4() || input.isPresent() || how.second().isPresent()) {
      throw Subject.misfit("the export " + id(), linear, how, input);
    }
    subject.requireNothingBeside("the export " + id(), linear);
    boolean changesBias =
        linear.hasBias()
            && subject.decisions().weight(linear.name()).orElseThrow().changes().stream()
                .anyMatch(c -> c instanceof Change.ScaleRows || c instanceof Change.RotateRows);
    if (changesBias) {
      throw new ConfigException(
          "%s: the export %s keeps biases of experts as they are, but the algorithm changes them; choose another one"
              .formatted(linear.name(), id()));
    }
  }

  /** Readers take the experts of all layers for quantized, or none. */
  private void requireAll(Subject subject, Set<Linear> quantized) {
    Subject.requireSome(quantized, subject.model());
    subject
        .model()
        .linears()
        .filter(linear -> linear.role() == Linear.Role.STACKED_EXPERT)
        .filter(linear -> !quantized.contains(linear))
        .findFirst()
        .ifPresent(linear -> {
          throw new ConfigException(
              "%s: is not quantized, but the export %s holds the experts of all layers in MXFP4; exclude none of them"
                  .formatted(linear.name(), id()));
        });
  }

  private static ObjectNode quantization() {
    ObjectNode node = JsonText.object();
    node.set("modules_to_not_convert", JsonText.array(UNQUANTIZED));
    node.put("quant_method", "mxfp4");
    return node;
  }
}
