package org.modelopt.compute.cpu;

import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.error.DeviceException;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Computes on the host: checks arguments, allocates results, hands the work to the fastest rung
 * that is there (see {@link Rung}).
 *
 * <p>In BFLOAT16 the arithmetic is that of PyTorch, operation by operation, with its fused
 * attention: scores stay in float32, weights are rounded before they are divided by their sum.
 */
public final class CpuBackend implements Backend {
  private final Workers workers;
  private final BufferPool pool = new BufferPool();
  private final Rungs rungs;
  private final Elementwise elementwise;
  private final RowOperations rowOperations;
  private final RowMoves rowMoves;
  private final Attention attention;

  /**
   * Opens the CPU with the rung that the system property {@value Rung#PROPERTY} names, or the
   * fastest.
   *
   * @throws DeviceException if the device is not 0 or the named rung does not work here
   */
  public CpuBackend(BackendOptions options) {
    this(options, Rung.requested());
  }

  CpuBackend(BackendOptions options, Optional<Rung> rung) {
    if (options.device() != 0) {
      throw new DeviceException(
          "there is no CPU device %d; use device 0".formatted(options.device()));
    }
    this.workers = new Workers(options.threads());
    try {
      this.rungs = Rungs.choose(rung, workers, pool);
    } catch (DeviceException e) {
      workers.close();
      throw e;
    }
    this.elementwise = new Elementwise(rungs.kernels(), workers);
    this.rowOperations = new RowOperations(rungs.kernels(), workers);
    this.rowMoves = new RowMoves(rungs.kernels(), workers);
    this.attention = new Attention(rungs, workers, pool);
  }

  @Override
  public String description() {
    return "CPU with %d threads, products: %s, other operations: %s"
        .formatted(workers.threads(), rungs.product().description(), rungs.kernels().description());
  }

  @Override
  public String arithmetic() {
    return "CPU, products: " + rungs.product().description();
  }

  /** Buffers of this backend, for tests. */
  BufferPool pool() {
    return pool;
  }

  @Override
  public Workers workers() {
    return workers;
  }

  @Override
  public Scope openScope() {
    return new CpuScope(pool);
  }

  @Override
  public Tensor toDevice(Tensor host, DType dtype, Scope scope) {
    if (host.dtype() == DType.I32 || host.dtype() == dtype) {
      return host;
    }
    if (!host.dtype().isWideFloat() || (dtype != DType.F32 && dtype != DType.BF16)) {
      throw new IllegalArgumentException(
          "toDevice: cannot convert %s %s to %s; from F32, F16 or BF16 to F32 or BF16 only"
              .formatted(host.dtype(), host.shape(), dtype));
    }
    Tensor result = scope.allocate(dtype, host.shape());
    elementwise.convert(Elements.of(host), Elements.of(result), host.shape().elements());
    return result;
  }

  @Override
  public Tensor toHost(Tensor tensor, Scope scope) {
    return tensor;
  }

  @Override
  public Tensor linear(Tensor x, Tensor weight, Optional<Tensor> bias, Scope scope) {
    Arguments.matrix("linear", "x", x);
    Arguments.matrix("linear", "weight", weight);
    long rows = x.shape().dim(0);
    long in = x.shape().dim(1);
    long out = weight.shape().dim(0);
    Arguments.typeAndShape("linear", "weight", weight, x.dtype(), out, in);
    bias.ifPresent(b -> Arguments.typeAndShape("linear", "bias", b, x.dtype(), out));
    Tensor y = scope.allocate(x.dtype(), Shape.of(rows, out));
    rungs
        .product()
        .multiply(
            Matrix.of(Elements.of(x), rows, in),
            Matrix.of(Elements.of(weight), out, in).transposed(),
            bias.map(Elements::of),
            Matrix.of(Elements.of(y), rows, out));
    return y;
  }

  @Override
  public void gram(Tensor x, int from, int to, boolean add, Tensor sum) {
    Arguments.matrix("gram", "x", x);
    long rows = x.shape().dim(0);
    long columns = x.shape().dim(1);
    Arguments.range("gram", from, to, columns);
    int width = to - from;
    Arguments.typeAndShape("gram", "sum", sum, DType.F32, width, columns - from);
    if (rows == 0) {
      if (!add) {
        sum.segment().fill((byte) 0);
      }
      return;
    }
    try (Scope scope = openScope()) {
      // Products of a transposed left side are slower by more than transposing takes.
      Tensor left = scope.allocate(x.dtype(), Shape.of(width, rows));
      Transposition.columns(x, from, to, left.segment(), workers);
      Tensor products = add ? scope.allocate(DType.F32, sum.shape()) : sum;
      rungs
          .product()
          .multiply(
              Matrix.of(Elements.of(left), width, rows),
              Matrix.of(Elements.of(x), rows, columns).columns(from, columns),
              Optional.empty(),
              Matrix.of(Elements.of(products), width, columns - from));
      if (add) {
        elementwise.add(
            Elements.of(sum), Elements.of(products), Elements.of(sum), sum.shape().elements());
      }
    }
  }

  @Override
  public Tensor embed(Tensor ids, Tensor table, Scope scope) {
    Arguments.matrix("embed", "table", table);
    long count = ids.shape().elements();
    Arguments.typeAndShape("embed", "ids", ids, DType.I32, count);
    Arguments.tokens("embed", ids.toInts(), table.shape().dim(0));
    Tensor y = scope.allocate(table.dtype(), Shape.of(count, table.shape().dim(1)));
    long rowBytes = table.dtype().byteSize(table.shape().dim(1));
    rowOperations.embed(ids.segment(), table.segment(), y.segment(), count, rowBytes);
    return y;
  }

  @Override
  public Tensor rmsNorm(Tensor x, Tensor weight, NormSpec spec, Scope scope) {
    Arguments.matrix("rmsNorm", "x", x);
    int columns = Math.toIntExact(x.shape().dim(1));
    Arguments.typeAndShape("rmsNorm", "weight", weight, x.dtype(), columns);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    rowOperations.rmsNorm(
        Elements.of(x), Elements.of(weight), spec, Elements.of(y), x.shape().dim(0), columns);
    return y;
  }

  @Override
  public Tensor rotate(Tensor x, int headSize, Tensor cos, Tensor sin, int[] starts, Scope scope) {
    Arguments.matrix("rotate", "x", x);
    Arguments.matrix("rotate", "cos", cos);
    int columns = Math.toIntExact(x.shape().dim(1));
    long rows = cos.shape().dim(0);
    int half = Math.toIntExact(cos.shape().dim(1));
    Arguments.typeAndShape("rotate", "cos", cos, DType.F32, rows, half);
    Arguments.typeAndShape("rotate", "sin", sin, DType.F32, rows, half);
    Arguments.starts("rotate", starts, x.shape().dim(0));
    Arguments.rotation("rotate", columns, headSize, half);
    int[] positions = Arguments.positions("rotate", starts, rows);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    rowOperations.rotate(
        Elements.of(x),
        columns,
        headSize,
        half,
        Elements.of(cos),
        Elements.of(sin),
        positions,
        Elements.of(y));
    return y;
  }

  @Override
  public Tensor attention(
      Tensor q,
      Tensor k,
      Tensor v,
      AttentionSpec spec,
      Optional<Tensor> sinks,
      int[] starts,
      Scope scope) {
    Arguments.matrix("attention", "q", q);
    long rows = q.shape().dim(0);
    long heads = spec.heads();
    long keyHeads = spec.keyValueHeads();
    DType dtype = q.dtype();
    Arguments.typeAndShape("attention", "q", q, dtype, rows, heads * spec.headSize());
    Arguments.matrix("attention", "k", k);
    long keys = k.shape().dim(0);
    Arguments.typeAndShape("attention", "k", k, dtype, keys, keyHeads * spec.headSize());
    Arguments.typeAndShape("attention", "v", v, dtype, keys, keyHeads * spec.valueHeadSize());
    Arguments.starts("attention", starts, rows);
    Arguments.keys("attention", keys, rows, starts);
    sinks.ifPresent(s -> Arguments.typeAndShape("attention", "sinks", s, dtype, heads));
    Tensor y = scope.allocate(dtype, Shape.of(rows, heads * spec.valueHeadSize()));
    attention.run(
        new Attention.Call(
            Elements.of(q),
            Elements.of(k),
            Elements.of(v),
            Elements.of(y),
            spec,
            sinks.map(Tensor::toFloats),
            Math.toIntExact(keys - rows)),
        starts);
    return y;
  }

  @Override
  public Tensor gated(Activation activation, Tensor gate, Tensor up, Scope scope) {
    Arguments.floats("gated", "gate", gate);
    Arguments.same("gated", "up", up, gate);
    Tensor y = scope.allocate(gate.dtype(), gate.shape());
    elementwise.gated(
        activation, Elements.of(gate), Elements.of(up), Elements.of(y), gate.shape().elements());
    return y;
  }

  @Override
  public Tensor add(Tensor x, Tensor y, Scope scope) {
    Arguments.floats("add", "x", x);
    Arguments.same("add", "y", y, x);
    Tensor sum = scope.allocate(x.dtype(), x.shape());
    elementwise.add(Elements.of(x), Elements.of(y), Elements.of(sum), x.shape().elements());
    return sum;
  }

  @Override
  public Tensor scale(Tensor x, float factor, Scope scope) {
    Arguments.floats("scale", "x", x);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    elementwise.scale(Elements.of(x), factor, Elements.of(y), x.shape().elements());
    return y;
  }

  @Override
  public Tensor softCap(Tensor x, float cap, Scope scope) {
    Arguments.floats("softCap", "x", x);
    if (!(cap > 0)) {
      throw new IllegalArgumentException("softCap: cap must be positive but is " + cap);
    }
    Tensor y = scope.allocate(x.dtype(), x.shape());
    elementwise.softCap(Elements.of(x), cap, Elements.of(y), x.shape().elements());
    return y;
  }

  @Override
  public Tensor columns(List<Tensor> sources, int[] columns, Scope scope) {
    Arguments.sources("columns", sources, 0);
    Arguments.indices("columns", columns, sources, 1);
    long rows = sources.getFirst().shape().dim(0);
    Tensor y = scope.allocate(sources.getFirst().dtype(), Shape.of(rows, columns.length));
    rowMoves.columns(sources, columns, y.segment(), rows);
    return y;
  }

  @Override
  public Tensor mixRows(List<Tensor> sources, int[] rows, float[] weights, int each, Scope scope) {
    Arguments.sources("mixRows", sources, 1);
    Arguments.indices("mixRows", rows, sources, 0);
    if (each < 1 || rows.length % each != 0 || weights.length != rows.length) {
      throw new IllegalArgumentException(
          "mixRows: %d rows with %d weights do not make sums of %d each"
              .formatted(rows.length, weights.length, each));
    }
    int width = Math.toIntExact(sources.getFirst().shape().dim(1));
    Tensor y = scope.allocate(sources.getFirst().dtype(), Shape.of(rows.length / each, width));
    rowMoves.mixRows(sources, rows, weights, each, Elements.of(y), width);
    return y;
  }

  @Override
  public void copyRows(Tensor rows, Tensor target, long at) {
    Arguments.matrix("copyRows", "rows", rows);
    long count = rows.shape().dim(0);
    long columns = rows.shape().dim(1);
    Arguments.typeAndShape(
        "copyRows", "target", target, rows.dtype(), target.shape().dim(0), columns);
    target.rows(at, at + count).segment().copyFrom(rows.segment());
  }

  @Override
  public ChannelSummary summarize(Tensor x) {
    Arguments.matrix("summarize", "x", x);
    return rowOperations.summarize(
        Elements.of(x), x.shape().dim(0), Math.toIntExact(x.shape().dim(1)));
  }

  @Override
  public double[] logLikelihoods(Tensor logits, int[] targets) {
    Arguments.matrix("logLikelihoods", "logits", logits);
    Arguments.targets("logLikelihoods", targets, logits.shape());
    return rowOperations.logLikelihoods(
        Elements.of(logits), Math.toIntExact(logits.shape().dim(1)), targets);
  }

  @Override
  public void close() {
    rungs.product().close();
    workers.close();
    pool.close();
  }
}
