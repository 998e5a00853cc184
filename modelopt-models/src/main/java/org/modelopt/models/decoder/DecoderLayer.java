package org.modelopt.models.decoder;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** A decoder block as {@link BlockSpec} describes it. */
final class DecoderLayer implements Layer {
  private final String name;
  private final BlockSpec spec;
  private final NormSpec norm;
  private final Optional<RotaryTable> rotary;
  private final InputGroup queryKeyValue;
  private final InputGroup output;
  private final InputGroup gateUp;
  private final InputGroup down;
  private final CacheSite keys;
  private final CacheSite values;
  private final SequencedMap<String, Shape> parameters = new LinkedHashMap<>();

  DecoderLayer(
      String name, BlockSpec spec, int hidden, NormSpec norm, Optional<RotaryTable> rotary) {
    this.name = name;
    this.spec = spec;
    this.norm = norm;
    this.rotary = rotary;

    AttentionBlock attention = spec.attention();
    AttentionSpec heads = attention.spec();
    long queryChannels = (long) heads.heads() * heads.headSize();
    long keyChannels = (long) heads.keyValueHeads() * heads.headSize();
    long valueChannels = (long) heads.keyValueHeads() * heads.valueHeadSize();
    long outputChannels = (long) heads.heads() * heads.valueHeadSize();
    String self = name + ".self_attn.";
    Linear q = Linear.of(self + "q_proj", queryChannels, hidden, attention.inputBias());
    Linear k = Linear.of(self + "k_proj", keyChannels, hidden, attention.inputBias());
    Linear v = Linear.of(self + "v_proj", valueChannels, hidden, attention.inputBias());
    Linear o = Linear.of(self + "o_proj", hidden, outputChannels, attention.outputBias());
    this.queryKeyValue = new InputGroup(self + "qkv", List.of(q, k, v));
    this.output = InputGroup.of(o);
    this.keys = new CacheSite(k.name(), CacheSite.Kind.KEY, keyChannels);
    this.values = new CacheSite(v.name(), CacheSite.Kind.VALUE, valueChannels);

    GatedFeedForward feedForward = spec.feedForward();
    String mlp = name + ".mlp.";
    int size = feedForward.size();
    this.gateUp =
        new InputGroup(
            mlp + "gate_up",
            List.of(
                Linear.of(mlp + "gate_proj", size, hidden, feedForward.bias()),
                Linear.of(mlp + "up_proj", size, hidden, feedForward.bias())));
    this.down = InputGroup.of(Linear.of(mlp + "down_proj", hidden, size, feedForward.bias()));

    BlockNorms norms = spec.norms();
    List.of(
            norms.beforeAttention(),
            norms.afterAttention(),
            norms.beforeFeedForward(),
            norms.afterFeedForward())
        .forEach(place ->
            place.ifPresent(norming -> parameters.put(parameter(norming), Shape.of(hidden))));
  }

  private String parameter(String module) {
    return name + "." + module + ".weight";
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public List<InputGroup> inputGroups() {
    return List.of(queryKeyValue, output, gateUp, down);
  }

  @Override
  public List<CacheSite> cacheSites() {
    return List.of(keys, values);
  }

  @Override
  public List<String> parameterNames() {
    return List.copyOf(parameters.keySet());
  }

  /** Shapes of the parameters by tensor name. */
  SequencedMap<String, Shape> parameterShapes() {
    return parameters;
  }

  /** {@code h = x + attention(x)}, {@code h + feedForward(h)}, with the norms of the spec. */
  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    BlockNorms norms = spec.norms();
    Tensor attended = attention(normalized(x, norms.beforeAttention(), run), run);
    Tensor h = branch(x, attended, norms.afterAttention(), run);
    Tensor fed = feedForward(normalized(h, norms.beforeFeedForward(), run), run);
    return branch(h, fed, norms.afterFeedForward(), run);
  }

  private Tensor branch(Tensor residual, Tensor branch, Optional<String> after, LayerRun run) {
    return run.backend().add(residual, normalized(branch, after, run), run.scope());
  }

  private Tensor normalized(Tensor x, Optional<String> module, LayerRun run) {
    return module
        .map(m -> run.backend().rmsNorm(x, run.parameter(parameter(m)), norm, run.scope()))
        .orElse(x);
  }

  private Tensor attention(Tensor x, LayerRun run) {
    Backend backend = run.backend();
    Scope scope = run.scope();
    List<Tensor> products = run.linears(queryKeyValue, x);
    Tensor q = products.get(0);
    Tensor k = products.get(1);
    if (rotary.isPresent()) {
      RotaryTable.Angles angles = rotary.get().angles(run.starts());
      int[] starts = angles.startsArray();
      Tensor cos = backend.toDevice(angles.cos(), angles.cos().dtype(), scope);
      Tensor sin = backend.toDevice(angles.sin(), angles.sin().dtype(), scope);
      int headSize = spec.attention().spec().headSize();
      q = backend.rotate(q, headSize, cos, sin, starts, scope);
      k = backend.rotate(k, headSize, cos, sin, starts, scope);
    }
    k = run.cached(keys, k);
    Tensor v = run.cached(values, products.get(2));
    Tensor mixed =
        backend.attention(q, k, v, spec.attention().spec(), Optional.empty(), run.starts(), scope);
    return run.linear(output, mixed);
  }

  private Tensor feedForward(Tensor x, LayerRun run) {
    List<Tensor> products = run.linears(gateUp, x);
    Tensor gated =
        run.backend()
            .gated(spec.feedForward().activation(), products.get(0), products.get(1), run.scope());
    return run.linear(down, gated);
  }
}
