package org.modelopt.job;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.decision.Quantization;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Tensor;

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
  public List<Tensor> linears(InputGroup group, Tensor x) {
    pass.observer().input(group, x);
    Map<Quantization, Tensor> inputs = new HashMap<>(); // members usually share one quantization
    List<Tensor> products = new ArrayList<>();
    for (Linear linear : group.linears()) {
      Tensor input =
          pass.simulated()
              .input(linear.name())
              .map(quantization -> inputs.computeIfAbsent(quantization, q -> simulate(q, x)))
              .orElse(x);
      Optional<Tensor> bias =
          linear.hasBias() ? Optional.of(parameters.get(linear.biasName())) : Optional.empty();
      products.add(backend().linear(input, parameters.weight(linear), bias, scope));
    }
    return products;
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
