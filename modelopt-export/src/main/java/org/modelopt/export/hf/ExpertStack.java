package org.modelopt.export.hf;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.modelopt.model.Linear;
import org.modelopt.models.HfModel;
import org.modelopt.models.decoder.TensorSlice;

/**
 * One weight of all experts of a layer, stored in one tensor.
 *
 * @param name of the tensor where it is not quantized, {@code [experts, in, out]}
 * @param experts the parts of each expert, by its number
 */
record ExpertStack(String name, List<List<Part>> experts) {
  /**
   * A linear and its place in a stack.
   *
   * @param linear the linear
   * @param first which output of the stack its first one is
   * @param step distance of its outputs there: those of gate and up may alternate
   */
  record Part(Linear linear, int first, int step) {}

  /** The stacks of a model, in order of execution; it need not store them under these names. */
  static List<ExpertStack> of(HfModel model) {
    Map<String, Linear> linears = new LinkedHashMap<>();
    model
        .linears()
        .filter(linear -> linear.role() == Linear.Role.STACKED_EXPERT)
        .forEach(linear -> linears.put(linear.weightName(), linear));
    SequencedMap<String, List<List<Part>>> stacks = new LinkedHashMap<>();
    for (TensorSlice slice : model.slices()) {
      Linear linear = linears.get(slice.name());
      if (linear == null) {
        continue;
      }
      List<List<Part>> experts = stacks.computeIfAbsent(slice.stack(), key -> new ArrayList<>());
      while (experts.size() <= slice.expert()) {
        experts.add(new ArrayList<>());
      }
      experts.get(slice.expert()).add(new Part(linear, slice.first(), slice.step()));
    }
    return stacks.entrySet().stream()
        .map(entry -> new ExpertStack(entry.getKey(), entry.getValue()))
        .toList();
  }

  /** All linears of all experts. */
  List<Linear> linears() {
    return experts.stream().flatMap(List::stream).map(Part::linear).toList();
  }

  /** Inputs of an expert. */
  long inFeatures() {
    return experts.getFirst().getFirst().linear().inFeatures();
  }

  /** Outputs of an expert, all parts together. */
  long outFeatures() {
    return experts.getFirst().stream().mapToLong(part -> part.linear().outFeatures()).sum();
  }
}
