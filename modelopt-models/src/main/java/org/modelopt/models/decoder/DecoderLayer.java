package org.modelopt.models.decoder;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.modelopt.compute.NormSpec;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Producer;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** A decoder block as {@link BlockSpec} describes it. */
final class DecoderLayer implements Layer {
  private final String name;
  private final BlockSpec spec;
  private final NormSpec norm;
  private final Branch attention;
  private final Branch feedForward;
  private final SequencedMap<String, Shape> parameters = new LinkedHashMap<>();

  DecoderLayer(
      String name, BlockSpec spec, int hidden, NormSpec norm, Optional<RotaryTable> rotary) {
    this.name = name;
    this.spec = spec;
    this.norm = norm;
    BlockNorms norms = spec.norms();
    Optional<Producer> attentionNorm = norms.beforeAttention().map(this::producer);
    Optional<Producer> feedForwardNorm = norms.beforeFeedForward().map(this::producer);
    this.attention =
        switch (spec.attention()) {
          case GroupedAttention grouped ->
              new GroupedAttentionBranch(name, grouped, hidden, norm, rotary, attentionNorm);
          case LatentAttention latent ->
              new LatentAttentionBranch(name, latent, hidden, rotary, attentionNorm);
        };
    this.feedForward =
        switch (spec.feedForward()) {
          case GatedFeedForward gated -> new GatedBranch(name, gated, hidden, feedForwardNorm);
          case ExpertFeedForward experts -> new ExpertBranch(name, experts, hidden);
        };
    Stream.of(
            norms.beforeAttention(),
            norms.afterAttention(),
            norms.beforeFeedForward(),
            norms.afterFeedForward())
        .flatMap(Optional::stream)
        .forEach(module -> parameters.put(parameter(module), Shape.of(hidden)));
    parameters.putAll(attention.parameterShapes());
    parameters.putAll(feedForward.parameterShapes());
  }

  private Producer producer(String module) {
    return new Producer.Norm(parameter(module), norm.unitOffset() ? 1 : 0);
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
    List<InputGroup> groups = new ArrayList<>(attention.inputGroups());
    groups.addAll(feedForward.inputGroups());
    return groups;
  }

  @Override
  public List<CacheSite> cacheSites() {
    return attention.cacheSites();
  }

  @Override
  public List<String> parameterNames() {
    return List.copyOf(parameters.keySet());
  }

  /** Shapes by name of all stored tensors of this layer. */
  SequencedMap<String, Shape> tensorShapes() {
    SequencedMap<String, Shape> shapes = new LinkedHashMap<>(parameters);
    shapes.putAll(attention.weightShapes());
    shapes.putAll(feedForward.weightShapes());
    return shapes;
  }

  /** Tensors that linears read and that are parts of stored ones. */
  List<TensorSlice> slices() {
    return feedForward.slices();
  }

  /**
   * {@code h = x + attention(x)}, {@code h + feedForward(h)}, with norms and factor of the spec.
   */
  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    BlockNorms norms = spec.norms();
    Tensor attended = attention.forward(normalized(x, norms.beforeAttention(), run), run);
    Tensor h = added(x, attended, norms.afterAttention(), run);
    Tensor fed = feedForward.forward(normalized(h, norms.beforeFeedForward(), run), run);
    return added(h, fed, norms.afterFeedForward(), run);
  }

  private Tensor added(Tensor residual, Tensor branch, Optional<String> after, LayerRun run) {
    Tensor term = normalized(branch, after, run);
    if (spec.branchScale() != 1) {
      term = run.backend().scale(term, (float) spec.branchScale(), run.scope());
    }
    return run.backend().add(residual, term, run.scope());
  }

  private Tensor normalized(Tensor x, Optional<String> module, LayerRun run) {
    return module
        .map(m -> run.backend().rmsNorm(x, run.parameter(parameter(m)), norm, run.scope()))
        .orElse(x);
  }
}
