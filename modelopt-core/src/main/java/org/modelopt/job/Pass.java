package org.modelopt.job;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.decision.Decisions;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Quantizers;
import org.modelopt.statistics.Observer;
import org.modelopt.tensor.Tensor;

/** What a forward pass computes on, in which precision, what it observes and what it simulates. */
public final class Pass {
  private final Backend backend;
  private final Precision precision;
  private final Observer observer;
  private final Decisions simulated;
  private final boolean toAllExperts;
  private final Optional<LayerParameters> loaded;
  private final Map<QuantSpec, Quantizer> quantizers;

  private Pass(
      Backend backend,
      Precision precision,
      Observer observer,
      Decisions simulated,
      boolean toAllExperts,
      Optional<LayerParameters> loaded,
      Map<QuantSpec, Quantizer> quantizers) {
    this.loaded = loaded;
    this.quantizers = quantizers;
    this.backend = backend;
    this.precision = precision;
    this.observer = observer;
    this.simulated = simulated;
    this.toAllExperts = toAllExperts;
  }

  /** A pass that neither observes nor quantizes. */
  public static Pass plain(Backend backend, Precision precision) {
    return new Pass(
        backend,
        precision,
        Observer.NONE,
        Decisions.NONE,
        false,
        Optional.empty(),
        new ConcurrentHashMap<>());
  }

  /** A pass of {@code model} as it is stored: a quantized checkpoint runs quantized. */
  public static Pass of(Model model, Backend backend, JobOptions options) {
    return new Pass(
        backend,
        options.precisionFor(model),
        Observer.NONE,
        model.storedDecisions().orElse(Decisions.NONE),
        false,
        Optional.empty(),
        new ConcurrentHashMap<>());
  }

  /** A copy that shows inputs and caches, as they are before quantization, to {@code observer}. */
  public Pass observedBy(Observer newObserver) {
    return new Pass(backend, precision, newObserver, simulated, toAllExperts, loaded, quantizers);
  }

  /** A copy that quantizes and dequantizes weights, inputs and caches as decided. */
  public Pass simulating(Decisions decisions) {
    return new Pass(backend, precision, observer, decisions, toAllExperts, loaded, quantizers);
  }

  /** A copy that shows an observer what every expert makes of every token, or not. */
  public Pass toAllExperts(boolean all) {
    return new Pass(backend, precision, observer, simulated, all, loaded, quantizers);
  }

  /** Whether every expert runs on every token. */
  public boolean toAllExperts() {
    return toAllExperts;
  }

  /** A copy that opens weights where {@code parameters}, which stay open, have them. */
  public Pass with(LayerParameters parameters) {
    return new Pass(
        backend, precision, observer, simulated, toAllExperts, Optional.of(parameters), quantizers);
  }

  /** The stored weight of a linear, if it is among parameters that are loaded. */
  Optional<Tensor> stored(Linear linear) {
    return loaded.flatMap(parameters -> parameters.stored(linear));
  }

  /** The device. */
  public Backend backend() {
    return backend;
  }

  /** Type of activations and weights. */
  public Precision precision() {
    return precision;
  }

  /** What looks on. */
  public Observer observer() {
    return observer;
  }

  /** What is simulated. */
  public Decisions simulated() {
    return simulated;
  }

  /** The quantizer of {@code spec} on this pass's device. */
  public Quantizer quantizer(QuantSpec spec) {
    return quantizers.computeIfAbsent(spec, key -> Quantizers.of(key, backend));
  }
}
