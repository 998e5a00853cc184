package org.modelopt.model;

import java.util.List;
import java.util.Optional;

/**
 * Linears that read the same tensor: they see the same statistics and share an input scale.
 *
 * @param name unique in the model, for example {@code model.layers.0.self_attn.qkv}
 * @param linears the members, at least one, all with the same number of input features
 * @param producer what factors of the input's channels can be moved into, if anything
 */
public record InputGroup(String name, List<Linear> linears, Optional<Producer> producer) {
  /** A group whose input cannot be scaled by what makes it. */
  public InputGroup(String name, List<Linear> linears) {
    this(name, linears, Optional.empty());
  }

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

  /** A copy that names what makes its input. */
  public InputGroup producedBy(Producer newProducer) {
    return new InputGroup(name, linears, Optional.of(newProducer));
  }

  /** Input features of every member. */
  public long inFeatures() {
    return linears.getFirst().inFeatures();
  }
}
