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
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Attention as {@link LatentAttention} describes it. In queries and keys the rotated elements of a
 * head stand before the others, which changes no dot product.
 *
 * <p>Servers cache the latent vector, not the keys and values made of it, so there is no cache site
 * to quantize.
 */
final class LatentAttentionBranch implements Branch {
  /** The reference builds the norms of latents with this and not with the model's epsilon. */
  private static final NormSpec LATENT_NORM = NormSpec.rms(1e-6);

  private final LatentAttention attention;
  private final AttentionSpec heads;
  private final Optional<RotaryTable> rotary;
  private final String self;
  private final InputGroup inputs;
  private final Optional<InputGroup> queries;
  private final InputGroup keysValues;
  private final InputGroup output;
  private final CacheSite keys;
  private final CacheSite values;
  private final int[] queryColumns;
  private final int[] keyColumns;
  private final int[] valueColumns;

  LatentAttentionBranch(
      String layer,
      LatentAttention attention,
      int hidden,
      Optional<RotaryTable> rotary,
      Optional<Producer> inputNorm) {
    this.attention = attention;
    this.rotary = rotary;
    this.self = layer + ".self_attn.";
    int count = attention.heads();
    int headSize = attention.plainSize() + attention.rotatedSize();
    this.heads =
        new AttentionSpec(
            count, count, headSize, attention.valueSize(), (float) attention.scale(), 0, 0, 0);
    long queryChannels = (long) count * headSize;
    long valueChannels = (long) count * attention.valueSize();
    boolean bias = attention.bias();
    Linear latent =
        Linear.of(
            self + "kv_a_proj_with_mqa",
            (long) attention.latent() + attention.rotatedSize(),
            hidden,
            bias);
    if (attention.queryRank().isPresent()) {
      int rank = attention.queryRank().getAsInt();
      Linear down = Linear.of(self + "q_a_proj", rank, hidden, bias);
      this.inputs =
          Branch.produced(new InputGroup(self + "qkv_a", List.of(down, latent)), inputNorm);
      this.queries =
          Optional.of(
              InputGroup.of(Linear.of(self + "q_b_proj", queryChannels, rank, false))
                  .producedBy(new Producer.Norm(self + "q_a_layernorm.weight", 0)));
    } else {
      Linear q = Linear.of(self + "q_proj", queryChannels, hidden, false);
      this.inputs = Branch.produced(new InputGroup(self + "qkv_a", List.of(q, latent)), inputNorm);
      this.queries = Optional.empty();
    }
    this.keysValues =
        InputGroup.of(
                Linear.of(
                    self + "kv_b_proj",
                    (long) count * (attention.plainSize() + attention.valueSize()),
                    attention.latent(),
                    false))
            .producedBy(new Producer.Norm(self + "kv_a_layernorm.weight", 0));
    this.output = InputGroup.of(Linear.of(self + "o_proj", hidden, valueChannels, bias));
    this.keys = new CacheSite(self + "k_proj", CacheSite.Kind.KEY, queryChannels);
    this.values = new CacheSite(self + "v_proj", CacheSite.Kind.VALUE, valueChannels);
    this.queryColumns = queryColumns();
    this.keyColumns = keyColumns();
    this.valueColumns = valueColumns();
  }

  @Override
  public List<InputGroup> inputGroups() {
    return queries
        .map(group -> List.of(inputs, group, keysValues, output))
        .orElseGet(() -> List.of(inputs, keysValues, output));
  }

  @Override
  public SequencedMap<String, Shape> parameterShapes() {
    SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
    attention
        .queryRank()
        .ifPresent(rank -> shapes.put(self + "q_a_layernorm.weight", Shape.of(rank)));
    shapes.put(self + "kv_a_layernorm.weight", Shape.of(attention.latent()));
    return shapes;
  }

  /** Of q's heads [plain, rotated]: the rotated elements in halves, then the plain ones. */
  private int[] queryColumns() {
    int plain = attention.plainSize();
    int size = plain + attention.rotatedSize();
    int[] columns = new int[attention.heads() * size];
    for (int head = 0; head < columns.length; head += size) {
      rotated(head + plain, columns, head);
      range(head, plain, columns, head + attention.rotatedSize());
    }
    return columns;
  }

  /** Of heads [plain, value] and, behind them, [latent, rotated key]. */
  private int[] keyColumns() {
    int plain = attention.plainSize();
    int size = plain + attention.rotatedSize();
    int stored = plain + attention.valueSize();
    int[] columns = new int[attention.heads() * size];
    int shared = attention.heads() * stored + attention.latent();
    for (int head = 0; head < attention.heads(); head++) {
      rotated(shared, columns, head * size);
      range(head * stored, plain, columns, head * size + attention.rotatedSize());
    }
    return columns;
  }

  private int[] valueColumns() {
    int size = attention.valueSize();
    int stored = attention.plainSize() + size;
    int[] columns = new int[attention.heads() * size];
    for (int head = 0; head < attention.heads(); head++) {
      range(head * stored + attention.plainSize(), size, columns, head * size);
    }
    return columns;
  }

  private void rotated(int from, int[] columns, int at) {
    if (attention.rotary().filter(RotarySpec::interleaved).isPresent()) {
      Rotation.halves(from, attention.rotatedSize(), columns, at);
    } else {
      range(from, attention.rotatedSize(), columns, at);
    }
  }

  private static void range(int from, int count, int[] columns, int at) {
    for (int i = 0; i < count; i++) {
      columns[at + i] = from + i;
    }
  }

  @Override
  public Tensor forward(Tensor x, LayerRun run) {
    Backend backend = run.backend();
    Scope scope = run.scope();
    List<Tensor> products = run.linears(inputs, x);
    Tensor q =
        queries
            .map(group -> run.linear(group, normalized(products.get(0), "q_a_layernorm", run)))
            .orElse(products.get(0));
    Tensor latentAndKey = products.get(1);
    int[] latentColumns = IntStream.range(0, attention.latent()).toArray();
    Tensor latent = backend.columns(List.of(latentAndKey), latentColumns, scope);
    Tensor keyValue = run.linear(keysValues, normalized(latent, "kv_a_layernorm", run));
    q = backend.columns(List.of(q), queryColumns, scope);
    Tensor k = backend.columns(List.of(keyValue, latentAndKey), keyColumns, scope);
    Tensor v = backend.columns(List.of(keyValue), valueColumns, scope);
    if (rotary.isPresent()) {
      List<Tensor> rotated = Rotation.rotate(rotary.get(), heads.headSize(), List.of(q, k), run);
      q = rotated.get(0);
      k = rotated.get(1);
    }
    k = run.cached(keys, k);
    v = run.cached(values, v);
    return run.linear(
        output, backend.attention(q, k, v, heads, Optional.empty(), run.starts(), scope));
  }

  private Tensor normalized(Tensor x, String module, LayerRun run) {
    return run.backend()
        .rmsNorm(x, run.parameter(self + module + ".weight"), LATENT_NORM, run.scope());
  }
}
