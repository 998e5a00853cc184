package org.modelopt.models;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Tensor;

/** Runs samples through a whole model at once and keeps what tests want to see. */
final class PlainRun implements LayerRun {
  private final HfModel model;
  private final Precision precision;
  private final Backend backend;
  private final Scope scope;
  private final Arena arena;
  private final int[] starts;
  final Map<String, float[]> groupInputs = new HashMap<>();
  final List<float[]> layerOutputs = new ArrayList<>();

  PlainRun(
      HfModel model,
      Precision precision,
      Backend backend,
      Scope scope,
      Arena arena,
      int... starts) {
    this.model = model;
    this.precision = precision;
    this.backend = backend;
    this.scope = scope;
    this.arena = arena;
    this.starts = starts;
  }

  /** Logits of {@code ids}. */
  float[] run(Tensor ids) {
    Tensor x = model.input(ids, precision, backend, scope);
    for (Layer layer : model.layers()) {
      x = layer.forward(x, this);
      layerOutputs.add(floats(x));
    }
    return layerOutputs.getLast();
  }

  @Override
  public Backend backend() {
    return backend;
  }

  @Override
  public Scope scope() {
    return scope;
  }

  @Override
  public int[] starts() {
    return starts.clone();
  }

  @Override
  public Tensor parameter(String name) {
    return backend.toDevice(model.tensors().open(name, arena), precision.dtype(), scope);
  }

  @Override
  public List<Tensor> linears(InputGroup group, Tensor x) {
    groupInputs.put(group.name(), floats(x));
    List<Tensor> products = new ArrayList<>();
    for (Linear linear : group.linears()) {
      Optional<Tensor> bias =
          linear.hasBias() ? Optional.of(parameter(linear.biasName())) : Optional.empty();
      products.add(backend.linear(x, parameter(linear.weightName()), bias, scope));
    }
    return products;
  }

  @Override
  public Tensor cached(CacheSite site, Tensor x) {
    return x;
  }

  private float[] floats(Tensor x) {
    return backend.toHost(x, scope).toFloats();
  }
}
