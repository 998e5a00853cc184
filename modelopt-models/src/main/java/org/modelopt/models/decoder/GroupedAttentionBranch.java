package org.modelopt.models.decoder;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.LayerRun;
import org.modelopt.model.Linear;
import org.modelopt.model.Producer;
import org.modelopt.models.decoder.GroupedAttention.HeadNorm;
import org.modelopt.models.decoder.GroupedAttention.Temperature;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Attention as {@link GroupedAttention} describes it. */
final class GroupedAttentionBranch implements Branch {
  private final GroupedAttention attention;
  private final AttentionSpec heads;
  private final NormSpec norm;
  private final Optional<RotaryTable> rotary;
  private final String self;
  private final int queryChannels;
  private final int keyChannels;
  private final int valueChannels;
  private final InputGroup queryKeyValue;
  private final InputGroup output;
  private final CacheSite keys;
  private final CacheSite values;

  GroupedAttentionBranch(
      String layer,
      GroupedAttention attention,
      int hidden,
      NormSpec norm,
      Optional<RotaryTable> rotary,
      Optional<Producer> inputNorm) {
    this.attention = attention;
    this.heads = attention.spec();
    this.norm = norm;
    this.rotary = rotary;
    this.self = layer + ".self_attn.";
    this.queryChannels = heads.heads() * heads.headSize();
    this.keyChannels = heads.keyValueHeads() * heads.headSize();
    this.valueChannels = heads.keyValueHeads() * heads.valueHeadSize();
    boolean bias = attention.inputBias();
    InputGroup inputs =
        attention.fused()
            ? InputGroup.of(
                Linear.of(
                    self + "qkv_proj", queryChannels + keyChannels + valueChannels, hidden, bias))
            : new InputGroup(
                self + "qkv",
                List.of(
                    Linear.of(self + "q_proj", queryChannels, hidden, bias),
                    Linear.of(self + "k_proj", keyChannels, hidden, bias),
                    Linear.of(self + "v_proj", valueChannels, hidden, bias)));
    this.queryKeyValue = Branch.produced(inputs, inputNorm);
    InputGroup mixed =
        InputGroup.of(
            Linear.of(
                self + "o_proj",
                hidden,
                (long) heads.heads() * heads.valueHeadSize(),
                attention.outputBias()));
    int sharers = heads.heads() / heads.keyValueHeads();
    this.output =
        attention.fused()
            ? mixed
            : mixed.producedBy(new Producer.Rows(self + "v_proj", heads.valueHeadSize(), sharers));
    this.keys = new CacheSite(self + "k_proj", CacheSite.Kind.KEY, keyChannels);
    this.values = new CacheSite(self + "v_proj", CacheSite.Kind.VALUE, valueChannels);
  }

  @Override
  public List<InputGroup> inputGroups() {
    return List.of(queryKeyValue, output);
  }

  @Override
  public List<CacheSite> cacheSites() {
    return List.of(keys, values);
  }

  @Override
  public SequencedMap<String, Shape> parameterShapes() {
    SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
    switch (attention.headNorm()) {
      case EACH_HEAD -> {
        shapes.put(self + "q_norm.weight", Shape.of(heads.headSize()));
        shapes.put(self + "k_norm.weight", Shape.of(heads.headSize()));
      }
      case ALL_HEADS -> {
        shapes.put(self + "q_norm.weight", Shape.of(queryChannels));
        shapes.put(self + "k_norm.weight", Shape.of(keyChannels));
      }
      case NONE, UNWEIGHTED_AFTER_ROTATION -> {}
    }
    if (attention.sinks()) {
      shapes.put(self + "sinks", Shape.of(heads.heads()));
    }
    return shapes;
  }

  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    Backend backend = run.backend();
    Scope scope = run.scope();
    List<Tensor> products = projections(x, run);
    Tensor q = normalized(products.get(0), "q_norm", run);
    Tensor k = normalized(products.get(1), "k_norm", run);
    if (rotary.isPresent()) {
      List<Tensor> rotated =
          Rotation.rotate(
              rotary.get(), heads.headSize(), List.of(paired(q, run), paired(k, run)), run);
      q = rotated.get(0);
      k = rotated.get(1);
    }
    if (attention.headNorm() == HeadNorm.UNWEIGHTED_AFTER_ROTATION) {
      Tensor ones = backend.toDevice(Ones.of(heads.headSize()), x.dtype(), scope);
      q = eachHead(q, ones, run);
      k = eachHead(k, ones, run);
    }
    if (attention.temperature().isPresent()) {
      q = heated(q, attention.temperature().get(), run);
    }
    k = run.cached(keys, k);
    Tensor v = run.cached(values, products.get(2));
    Optional<Tensor> sinks =
        attention.sinks() ? Optional.of(run.parameter(self + "sinks")) : Optional.empty();
    Tensor mixed = backend.attention(q, k, v, heads, sinks, run.starts(), scope);
    return run.linear(output, mixed);
  }

  private List<Tensor> projections(Tensor x, LayerRun run) {
    if (!attention.fused()) {
      return run.linears(queryKeyValue, x);
    }
    Tensor all = run.linear(queryKeyValue, x);
    int keyEnd = queryChannels + keyChannels;
    return List.of(
        columns(all, 0, queryChannels, run),
        columns(all, queryChannels, keyEnd, run),
        columns(all, keyEnd, keyEnd + valueChannels, run));
  }

  private static Tensor columns(Tensor x, int from, int to, LayerRun run) {
    return run.backend().columns(List.of(x), IntStream.range(from, to).toArray(), run.scope());
  }

  private Tensor normalized(Tensor x, String module, LayerRun run) {
    return switch (attention.headNorm()) {
      case EACH_HEAD -> eachHead(x, run.parameter(self + module + ".weight"), run);
      case ALL_HEADS ->
          run.backend().rmsNorm(x, run.parameter(self + module + ".weight"), norm, run.scope());
      case NONE, UNWEIGHTED_AFTER_ROTATION -> x;
    };
  }

  private Tensor eachHead(Tensor x, Tensor weight, LayerRun run) {
    Shape shape = x.shape();
    Shape single = Shape.of(shape.elements() / heads.headSize(), heads.headSize());
    NormSpec spec =
        attention.headNorm() == HeadNorm.UNWEIGHTED_AFTER_ROTATION
            ? new NormSpec(norm.epsilon(), false, false)
            : norm;
    return run.backend().rmsNorm(x.reshape(single), weight, spec, run.scope()).reshape(shape);
  }

  /** Brings neighbours that are rotated together to the places where rotation pairs them. */
  private Tensor paired(Tensor x, LayerRun run) {
    RotarySpec spec = attention.rotary().orElseThrow();
    if (!spec.interleaved()) {
      return x;
    }
    int[] columns = IntStream.range(0, Math.toIntExact(x.shape().dim(1))).toArray();
    for (int head = 0; head < columns.length; head += heads.headSize()) {
      Rotation.halves(head, spec.dims(), columns, head);
    }
    return run.backend().columns(List.of(x), columns, run.scope());
  }

  private static Tensor heated(Tensor q, Temperature temperature, LayerRun run) {
    int rows = Math.toIntExact(q.shape().dim(0));
    float[] factors = new float[rows];
    int[] starts = run.starts();
    for (int sequence = 1; sequence < starts.length; sequence++) {
      for (int row = starts[sequence - 1]; row < starts[sequence]; row++) {
        factors[row] = temperature.factor(run.past() + row - starts[sequence - 1]);
      }
    }
    int[] all = IntStream.range(0, rows).toArray();
    return run.backend().mixRows(List.of(q), all, factors, 1, run.scope());
  }
}
