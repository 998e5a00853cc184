package org.modelopt.config;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorSource;

/** The modules of a two-layer transformer with an output head; cannot run. */
final class SketchModel implements Model {
  private record Part(String name, List<InputGroup> inputGroups, List<CacheSite> cacheSites)
      implements Layer {
    @Override
    public List<String> parameterNames() {
      return List.of();
    }

    @Override
    public Tensor forward(Tensor x, LayerRun run) {
      throw new AssertionError("a plan must not run the model");
    }
  }

  @Override
  public String name() {
    return "sketch";
  }

  @Override
  public List<Layer> layers() {
    Part head = new Part("lm_head", List.of(group("lm_head", "lm_head")), List.of());
    return Stream.concat(IntStream.range(0, 2).mapToObj(SketchModel::decoder), Stream.of(head))
        .map(Layer.class::cast)
        .toList();
  }

  private static Part decoder(int index) {
    String prefix = "model.layers." + index + ".";
    return new Part(
        "model.layers." + index,
        List.of(
            group(prefix + "qkv", prefix + "q_proj", prefix + "k_proj"),
            group(prefix + "down_proj", prefix + "down_proj")),
        List.of(new CacheSite(prefix + "k_proj", CacheSite.Kind.KEY, 8)));
  }

  private static InputGroup group(String name, String... linears) {
    return new InputGroup(
        name, Stream.of(linears).map(linear -> Linear.of(linear, 8, 16, false)).toList());
  }

  @Override
  public TensorSource tensors() {
    throw new AssertionError("a plan must not read weights");
  }

  @Override
  public Tensor input(Tensor sample, Precision precision, Backend backend, Scope scope) {
    throw new AssertionError("a plan must not run the model");
  }

  @Override
  public Precision storedPrecision() {
    return Precision.BFLOAT16;
  }

  @Override
  public void close() {}
}
