package org.modelopt.benchmarks.gpu;

import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.ChannelObserver;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.tensor.Tensor;

/** The operations of one Llama decoder layer on random weights, in the order of the real one. */
final class DecoderLayerRun {
  private static final NormSpec NORM = NormSpec.rms(1e-5);

  /** What looks at the inputs of the four groups of linears. */
  record Observers(List<ChannelObserver> groups) implements AutoCloseable {
    @Override
    public void close() {
      groups.forEach(ChannelObserver::close);
    }
  }

  private final Backend backend;
  private final AttentionSpec spec;
  private final int tokens;
  private final int hidden;
  private final int feedForward;
  private final Tensor norm;
  private final Tensor q;
  private final Tensor k;
  private final Tensor v;
  private final Tensor o;
  private final Tensor gate;
  private final Tensor up;
  private final Tensor down;
  private final Tensor cos;
  private final Tensor sin;

  DecoderLayerRun(
      Backend backend,
      GpuBenchmark.Source source,
      Tensor angles,
      AttentionSpec spec,
      int tokens,
      int hidden,
      int feedForward) {
    this.backend = backend;
    this.spec = spec;
    this.tokens = tokens;
    this.hidden = hidden;
    this.feedForward = feedForward;
    int keyChannels = spec.keyValueHeads() * spec.headSize();
    norm = source.random(hidden);
    q = source.random(hidden, hidden);
    k = source.random(keyChannels, hidden);
    v = source.random(keyChannels, hidden);
    o = source.random(hidden, hidden);
    gate = source.random(feedForward, hidden);
    up = source.random(feedForward, hidden);
    down = source.random(hidden, feedForward);
    cos = angles;
    sin = angles;
  }

  /** Observers of the inputs of this layer. */
  Observers observers() {
    return new Observers(
        List.of(
            backend.observeChannels(hidden),
            backend.observeChannels(hidden),
            backend.observeChannels(hidden),
            backend.observeChannels(feedForward)));
  }

  Tensor forward(Tensor x, Scope scope, Optional<Observers> observers) {
    int[] starts = {0, tokens};
    Tensor normed = backend.rmsNorm(x, norm, NORM, scope);
    observe(observers, 0, normed);
    int headSize = spec.headSize();
    Tensor queries = linear(normed, q, scope);
    Tensor keys = linear(normed, k, scope);
    Tensor values = linear(normed, v, scope);
    queries = backend.rotate(queries, headSize, cos, sin, starts, scope);
    keys = backend.rotate(keys, headSize, cos, sin, starts, scope);
    Tensor mixed = backend.attention(queries, keys, values, spec, Optional.empty(), starts, scope);
    observe(observers, 1, mixed);
    Tensor h = backend.add(x, linear(mixed, o, scope), scope);
    Tensor normedAgain = backend.rmsNorm(h, norm, NORM, scope);
    observe(observers, 2, normedAgain);
    Tensor gated =
        backend.gated(
            Activation.SILU,
            linear(normedAgain, gate, scope),
            linear(normedAgain, up, scope),
            scope);
    observe(observers, 3, gated);
    return backend.add(h, linear(gated, down, scope), scope);
  }

  private static void observe(Optional<Observers> observers, int group, Tensor x) {
    observers.ifPresent(present -> present.groups.get(group).add(x));
  }

  private Tensor linear(Tensor x, Tensor weight, Scope scope) {
    return backend.linear(x, weight, Optional.empty(), scope);
  }
}
