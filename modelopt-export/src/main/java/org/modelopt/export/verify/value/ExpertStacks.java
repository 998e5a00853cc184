package org.modelopt.export.verify.value;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * Experts of a checkpoint that keeps those of a layer in one tensor, as Llama 4 does: {@code
 * experts.gate_up_proj} [e, h, 2 i], gates first, and {@code experts.down_proj} [e, i, h], inputs
 * before outputs.
 *
 * <p>Source: {@code modeling_llama4.py} of transformers.
 */
final class ExpertStacks {
  private static final String GATE_UP = ".experts.gate_up_proj";
  private static final String DOWN = ".experts.down_proj";

  private final Map<String, List<Part>> stacks;
  private final Map<String, Part> parts = new LinkedHashMap<>();

  /**
   * One expert's part.
   *
   * @param info its name, type and shape [out, in]
   * @param stack name of the tensor it is in
   * @param expert its number
   * @param first first output within a row of the stack
   */
  private record Part(TensorInfo info, String stack, int expert, long first) {}

  private ExpertStacks(Map<String, List<Part>> stacks) {
    this.stacks = stacks;
    stacks.values().forEach(list -> list.forEach(part -> parts.put(part.info().name(), part)));
  }

  /** The stacks among {@code tensors} whose experts {@code export} has one by one. */
  static ExpertStacks of(Collection<TensorInfo> tensors, Set<String> export) {
    Map<String, List<Part>> stacks = new LinkedHashMap<>();
    for (TensorInfo info : tensors) {
      boolean gates = info.name().endsWith(GATE_UP);
      if (info.shape().rank() != 3 || !(gates || info.name().endsWith(DOWN))) {
        continue;
      }
      String experts = info.name().substring(0, info.name().lastIndexOf('.') + 1);
      if (!export.contains(info.name()) && export.contains(experts + "0.down_proj.weight")) {
        stacks.put(info.name(), parts(info, experts, gates));
      }
    }
    return new ExpertStacks(stacks);
  }

  private static List<Part> parts(TensorInfo stack, String experts, boolean gates) {
    List<String> leaves = gates ? List.of("gate_proj", "up_proj") : List.of("down_proj");
    long out = stack.shape().dim(2) / leaves.size();
    List<Part> parts = new ArrayList<>();
    for (int expert = 0; expert < stack.shape().dim(0); expert++) {
      for (int i = 0; i < leaves.size(); i++) {
        String name = experts + expert + "." + leaves.get(i) + ".weight";
        TensorInfo info = new TensorInfo(name, stack.dtype(), Shape.of(out, stack.shape().dim(1)));
        parts.add(new Part(info, stack.name(), expert, i * out));
      }
    }
    return parts;
  }

  /** The experts in {@code stored}; itself if it is no such stack. */
  List<TensorInfo> apart(TensorInfo stored) {
    List<Part> apart = stacks.get(stored.name());
    return apart == null ? List.of(stored) : apart.stream().map(Part::info).toList();
  }

  /** The expert's tensor called {@code name}. */
  Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(parts.get(name)).map(Part::info);
  }

  /** Name of the stack that holds the expert's tensor called {@code name}. */
  Optional<String> stackOf(String name) {
    return Optional.ofNullable(parts.get(name)).map(Part::stack);
  }

  /** A copy of the expert's part of {@code stack}, F32 [out, in]. */
  Tensor open(String name, Tensor stack, Arena arena) {
    Part part = parts.get(name);
    if (part == null) {
      throw new IllegalArgumentException("no expert's tensor is called " + name);
    }
    Shape shape = part.info().shape();
    int out = Math.toIntExact(shape.dim(0));
    int in = Math.toIntExact(shape.dim(1));
    float[] values = new float[Math.multiplyExact(out, in)];
    for (int i = 0; i < in; i++) {
      long row = (part.expert() * (long) in + i) * stack.shape().dim(2) + part.first();
      for (int o = 0; o < out; o++) {
        values[o * in + i] = stack.getFloat(row + o);
      }
    }
    return Tensor.ofFloats(arena, shape, values);
  }
}
