package org.modelopt.export.trtllm;

import java.lang.foreign.Arena;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.model.Linear;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Decisions in which linears that become one tensor share the scales that it has once. */
final class MergedScales {
  private MergedScales() {}

  /**
   * Gives the members of each group the largest of their scales of tensors, of inputs and of block
   * scales.
   */
  static Decisions of(Decisions decisions, Collection<List<Linear>> groups) {
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>(decisions.weights());
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>(decisions.inputs());
    for (List<Linear> members : groups) {
      if (members.size() > 1) {
        mergeWeights(members, weights);
        mergeInputs(members, inputs);
      }
    }
    return new Decisions(weights, inputs, decisions.caches(), decisions.parameters());
  }

  private static void mergeWeights(
      List<Linear> members, SequencedMap<String, WeightDecision> weights) {
    float largest = 0;
    for (Linear member : members) {
      Optional<WeightQuantization> how =
          Optional.ofNullable(weights.get(member.name())).flatMap(WeightDecision::quantization);
      if (how.isEmpty() || !isShared(how.get())) {
        return;
      }
      largest = Math.max(largest, shared(how.get()));
    }
    for (Linear member : members) {
      float scale = largest;
      weights.computeIfPresent(
          member.name(),
          (name, decision) ->
              new WeightDecision(
                  decision.changes(),
                  decision.quantization().map(how -> with(member, how, scale)),
                  decision.branch()));
    }
  }

  private static boolean isShared(WeightQuantization how) {
    return how.spec().scaleFormat().hasGlobalScale()
        || how.spec().granularity().equals(org.modelopt.numeric.Granularity.perTensor());
  }

  /** The number that a tensor has once. */
  static float shared(WeightQuantization how) {
    if (how.spec().scaleFormat().hasGlobalScale()) {
      return how.globalScale();
    }
    try (Arena arena = Arena.ofShared()) {
      return switch (how.codes()) {
        case Codes.GivenScales(StoredScales scales) -> scales.open(arena).values().getFloat(0);
        case Codes.Given(_, StoredScales scales) -> scales.open(arena).values().getFloat(0);
        case Codes.ByRule _ ->
            throw new IllegalStateException("a tensor's scale is known before it is written");
      };
    }
  }

  private static WeightQuantization with(Linear linear, WeightQuantization how, float scale) {
    if (shared(how) == scale) {
      return how;
    }
    boolean global = how.spec().scaleFormat().hasGlobalScale();
    if (how.codes() instanceof Codes.Given
        || (global && how.codes() instanceof Codes.GivenScales)) {
      throw new ConfigException(
          linear.name()
              + ": its codes were found under another scale than those of the linears that"
              + " TensorRT-LLM joins it with; use the export hf for this algorithm");
    }
    Codes codes =
        global
            ? new Codes.ByRule(scale)
            : new Codes.GivenScales(StoredScales.of(Scales.of(number(scale))));
    return new WeightQuantization(how.spec(), how.conversion(), codes, how.second());
  }

  private static void mergeInputs(
      List<Linear> members, SequencedMap<String, InputDecision> inputs) {
    float largest = 0;
    for (Linear member : members) {
      Optional<Quantization> how =
          Optional.ofNullable(inputs.get(member.name())).flatMap(InputDecision::quantization);
      if (how.isPresent()) {
        largest = Math.max(largest, inputScale(how.get()));
      }
    }
    for (Linear member : members) {
      float scale = largest;
      inputs.computeIfPresent(
          member.name(),
          (name, input) ->
              new InputDecision(
                  input.preScale(),
                  input.rotation(),
                  input.quantization().map(how -> with(how, scale))));
    }
  }

  /** The number that is stored for an input; 0 if none is. */
  static float inputScale(Quantization how) {
    if (how.spec().scaleFormat().hasGlobalScale()) {
      return how.scales().globalScale();
    }
    return how.spec().dynamic() ? 0 : how.scales().values().getFloat(0);
  }

  private static Quantization with(Quantization how, float scale) {
    if (how.spec().scaleFormat().hasGlobalScale()) {
      return new Quantization(how.spec(), Scales.dynamic(scale), how.conversion());
    }
    return how.spec().dynamic()
        ? how
        : new Quantization(how.spec(), Scales.of(number(scale)), how.conversion());
  }

  private static Tensor number(float value) {
    return Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), value);
  }
}
