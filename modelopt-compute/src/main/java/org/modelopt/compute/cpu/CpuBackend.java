package org.modelopt.compute.cpu;

import java.util.Optional;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Computes on the host: checks arguments, allocates results and spreads kernels over threads. */
public final class CpuBackend implements Backend {
  /** Elements per task of elementwise operations. */
  private static final long CHUNK = 32768;

  private static final int QUERIES_PER_TASK = 64;
  private static final int CHANNELS_PER_TASK = 256;
  private static final long KEPT_BYTES_LIMIT = 2L << 30;

  private final Workers workers;
  private final BufferPool pool = new BufferPool(KEPT_BYTES_LIMIT);
  private final MatrixProduct product;
  private final Kernels kernels = new ScalarKernels();

  /** Opens the CPU with the given number of threads. */
  public CpuBackend(BackendOptions options) {
    if (options.device() != 0) {
      throw new org.modelopt.error.DeviceException(
          "there is no CPU device %d; use device 0".formatted(options.device()));
    }
    this.workers = new Workers(options.threads());
    this.product = new ScalarProduct(workers);
  }

  @Override
  public String description() {
    return "CPU, %d threads, matrix product: %s"
        .formatted(workers.threads(), product.description());
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
    if (!host.dtype().isWideFloat()) {
      throw new IllegalArgumentException(
          "toDevice: a tensor of F32, F16, BF16 or I32 is needed but this is %s %s; decode it first"
              .formatted(host.dtype(), host.shape()));
    }
    Tensor result = scope.allocate(dtype, host.shape());
    Arguments.floats("toDevice", "the result", result);
    workers.forRange(
        host.shape().elements(),
        CHUNK,
        (from, to) -> kernels.convert(Elements.of(host), Elements.of(result), from, to));
    return result;
  }

  @Override
  public Tensor toHost(Tensor tensor, Scope scope) {
    return tensor;
  }

  @Override
  public Tensor linear(Tensor x, Tensor weight, Optional<Tensor> bias, Scope scope) {
    Arguments.matrix("linear", "x", x);
    long rows = x.shape().dim(0);
    long in = x.shape().dim(1);
    Arguments.matrix("linear", "weight", weight);
    long out = weight.shape().dim(0);
    Arguments.shape("linear", "weight", weight, out, in);
    Arguments.dtype("linear", "weight", weight, x.dtype());
    bias.ifPresent(b -> Arguments.shape("linear", "bias", b, out));
    bias.ifPresent(b -> Arguments.dtype("linear", "bias", b, x.dtype()));
    Tensor y = scope.allocate(x.dtype(), Shape.of(rows, out));
    product.multiply(
        Matrix.of(Elements.of(x), rows, in),
        Matrix.of(Elements.of(weight), out, in).transposed(),
        bias.map(Elements::of),
        Matrix.of(Elements.of(y), rows, out));
    return y;
  }

  @Override
  public Tensor embed(Tensor ids, Tensor table, Scope scope) {
    Arguments.dtype("embed", "ids", ids, DType.I32);
    Arguments.shape("embed", "ids", ids, ids.shape().elements());
    Arguments.matrix("embed", "table", table);
    long count = ids.shape().elements();
    long vocabulary = table.shape().dim(0);
    for (long i = 0; i < count; i++) {
      int id = Elements.intAt(ids.segment(), i);
      if (id < 0 || id >= vocabulary) {
        throw new IllegalArgumentException(
            "embed: token %d has id %d but the table has %d rows; was the text encoded with this model's tokenizer?"
                .formatted(i, id, vocabulary));
      }
    }
    Tensor y = scope.allocate(table.dtype(), Shape.of(count, table.shape().dim(1)));
    long rowBytes = table.dtype().byteSize(table.shape().dim(1));
    workers.forRange(
        count,
        rowsPerTask(table.shape().columns()),
        (from, to) ->
            kernels.embed(ids.segment(), table.segment(), rowBytes, y.segment(), from, to));
    return y;
  }

  @Override
  public Tensor rmsNorm(Tensor x, Tensor weight, NormSpec spec, Scope scope) {
    Arguments.matrix("rmsNorm", "x", x);
    int columns = Math.toIntExact(x.shape().dim(1));
    Arguments.dtype("rmsNorm", "weight", weight, x.dtype());
    Arguments.shape("rmsNorm", "weight", weight, columns);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    workers.forRange(
        x.shape().dim(0),
        rowsPerTask(columns),
        (from, to) ->
            kernels.rmsNorm(
                Elements.of(x), Elements.of(weight), spec, Elements.of(y), columns, from, to));
    return y;
  }

  @Override
  public Tensor rotate(Tensor x, int headSize, Tensor cos, Tensor sin, int[] starts, Scope scope) {
    Arguments.matrix("rotate", "x", x);
    long rows = x.shape().dim(0);
    int columns = Math.toIntExact(x.shape().dim(1));
    Arguments.dtype("rotate", "cos", cos, DType.F32);
    Arguments.dtype("rotate", "sin", sin, DType.F32);
    Arguments.shape("rotate", "sin", sin, cos.shape().dim(0), cos.shape().dim(1));
    Arguments.starts("rotate", starts, rows);
    int half = Math.toIntExact(cos.shape().dim(1));
    if (headSize < 1 || columns % headSize != 0 || 2 * half > headSize) {
      throw new IllegalArgumentException(
          "rotate: %d columns are not heads of %d elements of which %d are rotated"
              .formatted(columns, headSize, 2 * half));
    }
    int[] positions = positions(starts);
    for (int position : positions) {
      if (position >= cos.shape().dim(0)) {
        throw new IllegalArgumentException(
            "rotate: position %d needs a row of cos, which has %d; build it for the longest sequence"
                .formatted(position, cos.shape().dim(0)));
      }
    }
    Rotation rotation =
        new Rotation(columns / headSize, headSize, half, Elements.of(cos), Elements.of(sin));
    Tensor y = scope.allocate(x.dtype(), x.shape());
    workers.forRange(
        rows,
        rowsPerTask(columns),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            kernels.rotate(
                Elements.of(x), Elements.of(y), row * columns, rotation, positions[(int) row]);
          }
        });
    return y;
  }

  private static int[] positions(int[] starts) {
    int[] positions = new int[starts[starts.length - 1]];
    for (int sequence = 1; sequence < starts.length; sequence++) {
      for (int row = starts[sequence - 1]; row < starts[sequence]; row++) {
        positions[row] = row - starts[sequence - 1];
      }
    }
    return positions;
  }

  @Override
  public Tensor attention(
      Tensor q, Tensor k, Tensor v, AttentionSpec spec, int[] starts, Scope scope) {
    Arguments.matrix("attention", "q", q);
    long rows = q.shape().dim(0);
    Arguments.shape("attention", "q", q, rows, (long) spec.heads() * spec.headSize());
    Arguments.shape("attention", "k", k, rows, (long) spec.keyValueHeads() * spec.headSize());
    Arguments.shape("attention", "v", v, rows, (long) spec.keyValueHeads() * spec.valueHeadSize());
    Arguments.dtype("attention", "k", k, q.dtype());
    Arguments.dtype("attention", "v", v, q.dtype());
    Arguments.starts("attention", starts, rows);
    Tensor y =
        scope.allocate(q.dtype(), Shape.of(rows, (long) spec.heads() * spec.valueHeadSize()));
    AttentionCall call =
        new AttentionCall(
            Elements.of(q), Elements.of(k), Elements.of(v), Elements.of(y), spec, starts.clone());
    for (int s = 0; s + 1 < starts.length; s++) {
      int sequence = s;
      int length = starts[s + 1] - starts[s];
      int blocks = Math.ceilDiv(length, QUERIES_PER_TASK);
      workers.forRange(
          (long) blocks * spec.heads(),
          1,
          (task, end) -> {
            int first = (int) (task / spec.heads()) * QUERIES_PER_TASK;
            int last = Math.min(length, first + QUERIES_PER_TASK);
            kernels.attend(call, sequence, (int) (task % spec.heads()), first, last);
          });
    }
    return y;
  }

  @Override
  public Tensor gated(Activation activation, Tensor gate, Tensor up, Scope scope) {
    Arguments.floats("gated", "gate", gate);
    sameAs("gated", "up", up, gate);
    Tensor y = scope.allocate(gate.dtype(), gate.shape());
    workers.forRange(
        gate.shape().elements(),
        CHUNK,
        (from, to) ->
            kernels.gated(
                activation, Elements.of(gate), Elements.of(up), Elements.of(y), from, to));
    return y;
  }

  @Override
  public Tensor add(Tensor x, Tensor y, Scope scope) {
    Arguments.floats("add", "x", x);
    sameAs("add", "y", y, x);
    Tensor sum = scope.allocate(x.dtype(), x.shape());
    workers.forRange(
        x.shape().elements(),
        CHUNK,
        (from, to) -> kernels.add(Elements.of(x), Elements.of(y), Elements.of(sum), from, to));
    return sum;
  }

  private static void sameAs(String operation, String name, Tensor tensor, Tensor other) {
    Arguments.dtype(operation, name, tensor, other.dtype());
    if (!tensor.shape().equals(other.shape())) {
      throw new IllegalArgumentException(
          "%s: %s has shape %s but the other has %s"
              .formatted(operation, name, tensor.shape(), other.shape()));
    }
  }

  @Override
  public ChannelSummary summarize(Tensor x) {
    Arguments.matrix("summarize", "x", x);
    long rows = x.shape().dim(0);
    int columns = Math.toIntExact(x.shape().dim(1));
    float[] amax = new float[columns];
    double[] sums = new double[columns];
    workers.forRange(
        columns,
        CHANNELS_PER_TASK,
        (from, to) ->
            kernels.summarize(Elements.of(x), rows, columns, amax, sums, (int) from, (int) to));
    return new ChannelSummary(rows, amax, sums);
  }

  @Override
  public double[] logLikelihoods(Tensor logits, int[] targets) {
    Arguments.matrix("logLikelihoods", "logits", logits);
    int vocabulary = Math.toIntExact(logits.shape().dim(1));
    if (targets.length != logits.shape().dim(0)) {
      throw new IllegalArgumentException(
          "logLikelihoods: %d targets for logits %s".formatted(targets.length, logits.shape()));
    }
    for (int target : targets) {
      if (target >= vocabulary) {
        throw new IllegalArgumentException(
            "logLikelihoods: target %d is outside the vocabulary of %d"
                .formatted(target, vocabulary));
      }
    }
    double[] result = new double[targets.length];
    workers.forRange(
        targets.length,
        1,
        (row, end) -> {
          int target = targets[(int) row];
          if (target >= 0) {
            result[(int) row] = kernels.logLikelihood(Elements.of(logits), row, vocabulary, target);
          }
        });
    return result;
  }

  private static long rowsPerTask(long columns) {
    return Math.max(1, CHUNK / Math.max(1, columns));
  }

  @Override
  public void close() {
    product.close();
    workers.close();
    pool.close();
  }
}
