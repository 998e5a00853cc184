package org.modelopt.models.decoder;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.modelopt.model.Layer;
import org.modelopt.tensor.Shape;

/** The layers of a {@link DecoderSpec} and the tensors they read. */
public final class DecoderLayers {
  private final List<Layer> layers;
  private final SequencedMap<String, Shape> tensors = new LinkedHashMap<>();
  private final List<TensorSlice> slices = new ArrayList<>();

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
      tensors.putAll(layer.tensorShapes());
      slices.addAll(layer.slices());
    }
    Layer head = new OutputHead(spec);
    made.add(head);
    tensors.put(OutputHead.NORM, Shape.of(spec.hidden()));
    head.inputGroups().forEach(g -> g.linears().forEach(l -> Branch.add(tensors, l)));
    layers = List.copyOf(made);
  }

  /** Makes the layers; reads nothing. */
  public static DecoderLayers of(DecoderSpec spec) {
    return new DecoderLayers(spec);
  }

  /** The decoder blocks and, last, the output head. */
  public List<Layer> layers() {
    return layers;
  }

  /** Tensors that linears read and that are parts of stored ones. */
  public List<TensorSlice> slices() {
    return List.copyOf(slices);
  }

  /** Shapes by name of all stored tensors behind the embedding and the layers. */
  public SequencedMap<String, Shape> tensorShapes() {
    return Collections.unmodifiableSequencedMap(tensors);
  }
}
