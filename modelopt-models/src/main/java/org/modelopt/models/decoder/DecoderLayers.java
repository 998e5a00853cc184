package org.modelopt.models.decoder;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Shape;

/** The layers of a {@link DecoderSpec} and the tensors they read. */
public final class DecoderLayers {
  private final List<Layer> layers;
  private final SequencedMap<String, Shape> tensors = new LinkedHashMap<>();

  private DecoderLayers(DecoderSpec spec) {
    List<Layer> made = new ArrayList<>();
    Map<RotarySpec, RotaryTable> tables = new HashMap<>();
    tensors.put(DecoderSpec.EMBEDDING, Shape.of(spec.vocabulary(), spec.hidden()));
    for (int i = 0; i < spec.blocks().size(); i++) {
      BlockSpec block = spec.blocks().get(i);
      DecoderLayer layer =
          new DecoderLayer(
              "model.layers." + i,
              block,
              spec.hidden(),
              spec.norm(),
              block.attention().rotary().map(r -> tables.computeIfAbsent(r, RotaryTable::new)));
      made.add(layer);
      tensors.putAll(layer.parameterShapes());
      addLinears(layer);
    }
    Layer head = new OutputHead(spec);
    made.add(head);
    tensors.put(OutputHead.NORM, Shape.of(spec.hidden()));
    addLinears(head);
    layers = List.copyOf(made);
  }

  private void addLinears(Layer layer) {
    for (InputGroup group : layer.inputGroups()) {
      for (Linear linear : group.linears()) {
        tensors.put(linear.weightName(), Shape.of(linear.outFeatures(), linear.inFeatures()));
        if (linear.hasBias()) {
          tensors.put(linear.biasName(), Shape.of(linear.outFeatures()));
        }
      }
    }
  }

  /** Makes the layers; reads nothing. */
  public static DecoderLayers of(DecoderSpec spec) {
    return new DecoderLayers(spec);
  }

  /** The decoder blocks and, last, the output head. */
  public List<Layer> layers() {
    return layers;
  }

  /** Shapes by name of all tensors that the embedding and the layers read. */
  public SequencedMap<String, Shape> tensorShapes() {
    return Collections.unmodifiableSequencedMap(tensors);
  }
}
