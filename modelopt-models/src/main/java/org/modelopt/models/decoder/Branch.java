package org.modelopt.models.decoder;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.model.Producer;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** What a decoder block adds to the residual stream, between the norms around it. */
interface Branch {
  /** The groups of linears in the order of {@link #forward}. */
  List<InputGroup> inputGroups();

  /** What inference caches. */
  default List<CacheSite> cacheSites() {
    return List.of();
  }

  /** Shapes by name of parameters other than weights and biases of linears. */
  default SequencedMap<String, Shape> parameterShapes() {
    return new LinkedHashMap<>();
  }

  /** Shapes by name of the stored tensors behind linears. */
  default SequencedMap<String, Shape> weightShapes() {
    SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
    inputGroups().forEach(group -> group.linears().forEach(linear -> add(shapes, linear)));
    return shapes;
  }

  /** {@code group} with what makes its input, if factors can be moved into that. */
  static InputGroup produced(InputGroup group, Optional<Producer> producer) {
    return producer.map(group::producedBy).orElse(group);
  }

  /** Adds weight and bias of {@code linear}. */
  static void add(SequencedMap<String, Shape> shapes, Linear linear) {
    shapes.put(linear.weightName(), Shape.of(linear.outFeatures(), linear.inFeatures()));
    if (linear.hasBias()) {
      shapes.put(linear.biasName(), Shape.of(linear.outFeatures()));
    }
  }

  /** Tensors that linears read and that are parts of stored ones. */
  default List<TensorSlice> slices() {
    return List.of();
  }

  /** Activations {@code [t, hidden]} to what the branch makes of them, of the same shape. */
  Tensor forward(Tensor x, LayerRun run);
}
