package org.modelopt.examples.mlp;

import java.lang.foreign.Arena;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.modelopt.compute.Activation;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.error.CheckpointException;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/** Gated layers over vectors of features, with random weights. */
public final class Mlp implements Model {
  private final List<Layer> layers;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** {@code depth} layers over {@code features} features, {@code width} wide inside. */
  public Mlp(int depth, int features, int width, long seed) {
    layers =
        IntStream.range(0, depth).mapToObj(i -> layer("layers." + i, features, width)).toList();
    Random random = new Random(seed);
    linears().forEach(linear -> tensors.put(linear.weightName(), random(linear, random)));
  }

  private static Layer layer(String name, int features, int width) {
    InputGroup gateUp =
        new InputGroup(
            name + ".gate_up",
            List.of(
                Linear.of(name + ".gate", width, features, false),
                Linear.of(name + ".up", width, features, false)));
    InputGroup down = InputGroup.of(Linear.of(name + ".down", features, width, false));
    return new GatedLayer(name, gateUp, down);
  }

  private record GatedLayer(String name, InputGroup gateUp, InputGroup down) implements Layer {
    @Override
    public List<InputGroup> inputGroups() {
      return List.of(gateUp, down);
    }

    @Override
    public List<String> parameterNames() {
      return List.of();
    }

    @Override
    public Tensor forward(Tensor x, LayerRun run) {
      List<Tensor> products = run.linears(gateUp, x);
      Tensor gated =
          run.backend()
              .gated(Activation.SILU, products.getFirst(), products.getLast(), run.scope());
      return run.backend().add(x, run.linear(down, gated), run.scope());
    }
  }

  private static Tensor random(Linear linear, Random random) {
    float[] values = new float[Math.toIntExact(linear.elements())];
    float scale = (float) (1 / Math.sqrt((double) linear.inFeatures()));
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * scale;
    }
    return Tensor.ofFloats(
        Arena.ofAuto(), Shape.of(linear.outFeatures(), linear.inFeatures()), values);
  }

  @Override
  public String name() {
    return "mlp";
  }

  @Override
  public List<Layer> layers() {
    return layers;
  }

  @Override
  public TensorSource tensors() {
    return new Weights(tensors);
  }

  private record Weights(Map<String, Tensor> all) implements TensorSource {
    @Override
    public Collection<TensorInfo> tensors() {
      return all.keySet().stream().map(name -> find(name).orElseThrow()).toList();
    }

    @Override
    public Optional<TensorInfo> find(String name) {
      return Optional.ofNullable(all.get(name))
          .map(tensor -> new TensorInfo(name, tensor.dtype(), tensor.shape()));
    }

    @Override
    public Tensor open(String name, Arena arena) {
      return find(name)
          .map(info -> Objects.requireNonNull(all.get(name)))
          .orElseThrow(() -> new CheckpointException("the network has no tensor " + name));
    }
  }

  @Override
  public Tensor input(Tensor sample, Precision precision, Backend backend, Scope scope) {
    return backend.toDevice(sample, precision.dtype(), scope);
  }

  @Override
  public Precision storedPrecision() {
    return Precision.FLOAT32;
  }

  @Override
  public void close() {}
}
