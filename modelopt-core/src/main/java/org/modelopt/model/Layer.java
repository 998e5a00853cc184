package org.modelopt.model;

import java.util.List;
import org.modelopt.tensor.Tensor;

/** A part of a model whose weights are in memory together; immutable, holds no weights itself. */
public interface Layer {
  /** Name of the module, for example {@code model.layers.0}. */
  String name();

  /** The groups of linears of this layer, in the order of {@link #forward}. */
  List<InputGroup> inputGroups();

  /** The tensors of this layer that inference caches. */
  default List<CacheSite> cacheSites() {
    return List.of();
  }

  /** Names of the parameters other than weights and biases of linears (norms, sinks). */
  List<String> parameterNames();

  /**
   * Runs the layer.
   *
   * @param x activations {@code [t, c]} on the run's device
   * @return activations for the next layer, in the run's scope
   */
  Tensor forward(Tensor x, LayerRun run);
}
