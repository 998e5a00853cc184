package org.modelopt.job;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Hadamard;
import org.modelopt.transform.Rotation;

/** One sample's run of one layer under a {@link Pass}. */
final class ForwardPass implements LayerRun {
  private final Pass pass;
  private final LayerParameters parameters;
  private final Scope scope;
  private final int[] starts;
  private final Optional<KeyValueCache> cache;

  ForwardPass(Pass pass, LayerParameters parameters, Scope scope, int... starts) {
    this(pass, parameters, scope, Optional.empty(), starts);
  }

  ForwardPass(
      Pass pass,
      LayerParameters parameters,
      Scope scope,
      Optional<KeyValueCache> cache,
      int... starts) {
    this.pass = pass;
    this.parameters = parameters;
    this.scope = scope;
    this.cache = cache;
    this.starts = starts;
  }

  @Override
  public int past() {
    return cache.map(KeyValueCache::tokens).orElse(0);
  }

  @Override
  public boolean toAllExperts() {
    return pass.toAllExperts();
  }

  @Override
  public Backend backend() {
    return pass.backend();
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
    return parameters.get(name);
  }

  @Override
  public Tensor constant(Tensor host) {
    return parameters.constant(host, backend());
  }

  @Override
  public List<Tensor> linears(InputGroup group, Tensor x) {
    pass.observer().input(group, x);
    Map<InputDecision, Inputs> treated = new HashMap<>(); // members usually share one decision
    List<Tensor> products = new ArrayList<>();
    for (Linear linear : group.linears()) {
      Inputs inputs =
          pass.simulated()
              .input(linear.name())
              .map(decision -> treated.computeIfAbsent(decision, d -> treat(d, x)))
              .orElse(new Inputs(x, x));
      Optional<Tensor> bias =
          linear.hasBias() ? Optional.of(parameters.get(linear.biasName())) : Optional.empty();
      Tensor product = backend().linear(inputs.quantized(), parameters.weight(linear), bias, scope);
      products.add(
          parameters
              .branch(linear)
              .map(branch -> backend().add(product, through(branch, inputs.exact()), scope))
              .orElse(product));
    }
    return products;
  }

  /** An input as it is multiplied with codes, and as it is multiplied with a branch. */
  private record Inputs(Tensor quantized, Tensor exact) {}

  private Inputs treat(InputDecision decision, Tensor x) {
    Tensor exact = x;
    if (decision.preScale().isPresent()) {
      Tensor factors =
          backend().toDevice(decision.preScale().get(), pass.precision().dtype(), scope);
      exact = backend().scaleColumns(exact, factors, scope);
    }
    if (decision.rotation().isPresent()) {
      exact = rotate(exact, decision.rotation().get());
    }
    Tensor rotated = exact;
    return new Inputs(
        decision.quantization().map(q -> simulate(q, rotated)).orElse(rotated), exact);
  }

  /** Runs of channels become rows, so that rotating them is one product. */
  private Tensor rotate(Tensor x, Rotation rotation) {
    int block = rotation.block();
    float[] matrix = Hadamard.matrix(block);
    float[] right = new float[matrix.length]; // [n, k] as a product takes it: transposed
    float norm = (float) (1 / Math.sqrt(block));
    for (int i = 0; i < block; i++) {
      for (int j = 0; j < block; j++) {
        right[rotation.inverse() ? i * block + j : j * block + i] = matrix[i * block + j] * norm;
      }
    }
    Shape square = Shape.of(block, block);
    Tensor onHost = Tensor.ofFloats(Arena.ofAuto(), square, right);
    Tensor device = backend().toDevice(onHost, pass.precision().dtype(), scope);
    Tensor runs = x.reshape(Shape.of(x.shape().elements() / block, block));
    return backend().linear(runs, device, Optional.empty(), scope).reshape(x.shape());
  }

  private Tensor through(LinearForm.Branch branch, Tensor x) {
    Tensor inner = backend().linear(x, branch.down(), Optional.empty(), scope);
    return backend().linear(inner, branch.up(), Optional.empty(), scope);
  }

  @Override
  public Tensor cached(CacheSite site, Tensor x) {
    pass.observer().cache(site, x);
    Tensor kept = pass.simulated().cache(site.name()).map(q -> simulate(q, x)).orElse(x);
    return cache.map(all -> all.append(site, kept)).orElse(kept);
  }

  private Tensor simulate(Quantization quantization, Tensor x) {
    return pass.quantizer(quantization.spec()).fakeQuantize(x, quantization.scales(), scope);
  }
}
