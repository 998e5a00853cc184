package org.modelopt.model;

import java.util.List;

/**
 * Linears that read the same tensor: they see the same statistics and share an input scale.
 *
 * @param name unique in the model, for example {@code model.layers.0.self_attn.qkv}
 * @param linears the members, at least one, all with the same number of input features
 */
public record InputGroup(String name, List<Linear> linears) {
  /** Checks that the members fit together. */
  public InputGroup {
    linears = List.copyOf(linears);
    if (linears.stream().mapToLong(Linear::inFeatures).distinct().count() != 1) {
      throw new IllegalArgumentException(
          "input group " + name + " needs linears with the same number of input features");
    }
  }

  /** A group of one linear under its own name. */
  public static InputGroup of(Linear linear) {
    return new InputGroup(linear.name(), List.of(linear));
  }

  /** Input features of every member. */
  public long inFeatures() {
    return linears.getFirst().inFeatures();
  }
}
