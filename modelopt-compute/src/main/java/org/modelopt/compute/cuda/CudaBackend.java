package org.modelopt.compute.cuda;

import static org.modelopt.compute.cuda.CudaDriver.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.ChannelObserver;
import org.modelopt.compute.ChannelSummary;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.compute.Workers;
import org.modelopt.compute.cpu.Arguments;
import org.modelopt.compute.cuda.CudaModule.Grid;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Computes on one NVIDIA GPU. Operations only start work; {@link #toHost} and operations that
 * return host values wait for it.
 *
 * <p>Arithmetic is that of the CPU backend up to the order of sums and the last bits of elementary
 * functions; in {@link #attention} with bfloat16, weights are rounded before they are normalised.
 * The same inputs give the same bits in every run on the same kind of card.
 *
 * <p>One thread may upload ({@link #openScope}, {@link Scope#allocate}, {@link #toDevice}) while
 * another computes.
 */
public final class CudaBackend implements Backend {
  /** System property with the most MiB to take of the device's memory; by default 95% of free. */
  public static final String MEMORY_PROPERTY = "modelopt.cuda.memory";

  private static final int SHARE_OF_ACTIVATIONS = 8;
  private static final int THREADS = 256;
  private static final int PER_THREAD = 8;

  private final CudaDevice device;
  private final Workers workers;
  private final DevicePool pool;
  private final Staging staging;
  private final Cublas cublas;
  private final Representatives representatives = new Representatives();
  private final long activationBytes;
  private final Map<String, CudaModule> modules = new ConcurrentHashMap<>();

  private CudaBackend(
      CudaDevice device,
      Workers workers,
      DevicePool pool,
      Staging staging,
      Cublas cublas,
      long activationBytes) {
    this.activationBytes = activationBytes;
    this.device = device;
    this.workers = workers;
    this.pool = pool;
    this.staging = staging;
    this.cublas = cublas;
  }

  static CudaBackend open(BackendOptions options) {
    CudaDevice device = new CudaDevice(options.device());
    Cublas cublas;
    try {
      cublas = Cublas.open(device.compute());
    } catch (RuntimeException e) {
      device.close();
      throw e;
    }
    long mebibytes = Long.getLong(MEMORY_PROPERTY, (device.freeBytes() / 20 * 19) >> 20);
    long limit = mebibytes << 20;
    Workers workers = new Workers(options.threads());
    return new CudaBackend(
        device,
        workers,
        new DevicePool(device, limit),
        new Staging(device, workers),
        cublas,
        limit / SHARE_OF_ACTIVATIONS);
  }

  @Override
  public String description() {
    return "%s: %s, compute capability %s, driver for CUDA %s, products: %s"
        .formatted(
            device.location(),
            device.name(),
            device.capabilityText(),
            CudaDriver.version(),
            cublas.description());
  }

  @Override
  public Workers workers() {
    return workers;
  }

  /** Number of multiprocessors of the device. */
  public int multiprocessors() {
    return device.multiprocessors();
  }

  /** Most bytes of device memory that tensors ever had at the same time. */
  public long peakBytes() {
    return pool.peakBytes();
  }

  /** Waits for all work; failures of it are thrown here. */
  public void synchronize() {
    device.synchronize();
  }

  /**
   * The kernels of a PTX file, compiled once.
   *
   * @param owner a class of the package that has the file as a resource
   * @param resource name of the file
   */
  public CudaModule module(Class<?> owner, String resource) {
    return modules.computeIfAbsent(
        owner.getPackageName() + "/" + resource,
        name -> new CudaModule(device, name, CudaModule.read(owner, resource)));
  }

  /** An empty list of arguments. */
  public KernelArguments arguments() {
    return new KernelArguments(this);
  }

  private CudaModule kernels(String family) {
    return module(CudaBackend.class, family + ".ptx");
  }

  /** Where a tensor is on the device; the compute stream waits for its upload, if it must. */
  long address(Tensor tensor) {
    DeviceStorage storage = storage(tensor);
    storage.owner().requireOpen();
    CUevent uploaded = storage.owner().takeUploaded();
    if (uploaded != null) {
      device.makeCurrent();
      check(JCudaDriver.cuStreamWaitEvent(device.compute(), uploaded, 0), "uploading");
    }
    return storage.address();
  }

  private static DeviceStorage storage(Tensor tensor) {
    if (tensor.storage() instanceof DeviceStorage storage) {
      return storage;
    }
    throw new IllegalArgumentException(tensor + " is not on the device; bring it there first");
  }

  @Override
  public Scope openScope() {
    return new CudaScope(device.location(), pool);
  }

  @Override
  public Tensor toDevice(Tensor tensor, DType dtype, Scope scope) {
    DType from = tensor.dtype();
    boolean same = from == dtype || from == DType.I32;
    if (!same && !(from.isWideFloat() && (dtype == DType.F32 || dtype == DType.BF16))) {
      throw new IllegalArgumentException(
          "toDevice: cannot convert %s %s to %s; from F32, F16 or BF16 to F32 or BF16 only"
              .formatted(from, tensor.shape(), dtype));
    }
    Tensor raw = tensor.isOnHost() ? upload(tensor, (CudaScope) scope) : tensor;
    if (same) {
      return raw;
    }
    Tensor converted = scope.allocate(dtype, tensor.shape());
    long n = tensor.shape().elements();
    kernels("elementwise")
        .launch(
            "convert_%s_%s".formatted(suffix(from), suffix(dtype)),
            elements(n),
            arguments().tensor(raw).tensor(converted).int64(n));
    return converted;
  }

  /** An eighth of the memory this may take. */
  @Override
  public long activationBytes() {
    return activationBytes;
  }

  @Override
  public void represent(Tensor host, Tensor device) {
    if (host.isOnHost() && device.storage() instanceof DeviceStorage) {
      representatives.put(host, device);
    }
  }

  /** Host memory as a tensor on the device, if {@link #represent} named one that has it. */
  public Optional<Tensor> representative(MemorySegment host, DType dtype, Shape shape) {
    return representatives.of(host, dtype, shape);
  }

  private Tensor upload(Tensor host, CudaScope scope) {
    DevicePool.Buffer buffer = scope.take(host.byteSize());
    device.makeCurrent();
    pool.awaitUsers(buffer, device.upload());
    scope.uploading(staging.upload(host.segment(), buffer.address()));
    return Tensor.of(
        host.dtype(), host.shape(), new DeviceStorage(scope, buffer.address(), host.byteSize()));
  }

  @Override
  public Tensor toHost(Tensor tensor, Scope scope) {
    if (tensor.isOnHost()) {
      return tensor;
    }
    Tensor host = Tensor.allocate(((CudaScope) scope).host(), tensor.dtype(), tensor.shape());
    download(tensor, host.segment());
    return host;
  }

  /** Waits for a tensor and copies its bytes to host memory. */
  public void download(Tensor tensor, MemorySegment to) {
    staging.download(address(tensor), to);
  }

  /** Copies the bytes of one tensor on the device to another. */
  public void copy(Tensor from, Tensor to) {
    if (from.byteSize() != to.byteSize()) {
      throw new IllegalArgumentException("cannot copy " + from + " to " + to);
    }
    device.makeCurrent();
    check(
        JCudaDriver.cuMemcpyDtoDAsync(
            Pointers.device(address(to)),
            Pointers.device(address(from)),
            from.byteSize(),
            device.compute()),
        "copying");
  }

  /** Fills a tensor with zero bytes. */
  public void clear(Tensor tensor) {
    device.makeCurrent();
    check(
        JCudaDriver.cuMemsetD8Async(
            Pointers.device(address(tensor)), (byte) 0, tensor.byteSize(), device.compute()),
        "clearing memory");
  }

  @Override
  public Tensor linear(Tensor x, Tensor weight, Optional<Tensor> bias, Scope scope) {
    Arguments.matrix("linear", "x", x);
    Arguments.matrix("linear", "weight", weight);
    int rows = Math.toIntExact(x.shape().dim(0));
    int in = Math.toIntExact(x.shape().dim(1));
    int out = Math.toIntExact(weight.shape().dim(0));
    DType dtype = x.dtype();
    Arguments.typeAndShape("linear", "weight", weight, dtype, out, in);
    bias.ifPresent(b -> Arguments.typeAndShape("linear", "bias", b, dtype, out));
    Tensor y = scope.allocate(dtype, Shape.of(rows, out));
    bias.ifPresent(b -> spread(b, y, out));
    if (y.shape().elements() == 0) {
      return y;
    }
    if (in == 0) {
      if (bias.isEmpty()) {
        clear(y);
      }
      return y;
    }
    device.makeCurrent();
    cublas.multiply(
        Gemm.linear(
            address(x),
            address(weight),
            bias.isPresent() ? 1 : 0,
            address(y),
            rows,
            in,
            out,
            dtype,
            true));
    return y;
  }

  /** On tensor cores, which round the factors of float32 products. */
  @Override
  public double[] quadratics(Tensor rows, Tensor h) {
    Arguments.matrix("quadratics", "rows", rows);
    int channels = Math.toIntExact(rows.shape().dim(1));
    Arguments.typeAndShape("quadratics", "rows", rows, DType.F32, rows.shape().dim(0), channels);
    Arguments.typeAndShape("quadratics", "h", h, DType.F32, channels, channels);
    if (rows.shape().elements() == 0) {
      return new double[Math.toIntExact(rows.shape().dim(0))];
    }
    try (Scope scope = openScope()) {
      Tensor images = scope.allocate(DType.F32, rows.shape());
      device.makeCurrent();
      cublas.multiply(
          Gemm.linear(
              address(rows),
              address(h),
              0,
              address(images),
              Math.toIntExact(rows.shape().dim(0)),
              channels,
              channels,
              DType.F32,
              false));
      return rowDots(rows, images);
    }
  }

  @Override
  public void gram(Tensor x, int from, int to, boolean add, Tensor sum) {
    Arguments.matrix("gram", "x", x);
    int rows = Math.toIntExact(x.shape().dim(0));
    int columns = Math.toIntExact(x.shape().dim(1));
    Arguments.range("gram", from, to, columns);
    Arguments.typeAndShape("gram", "sum", sum, DType.F32, to - from, columns - from);
    if (rows == 0) {
      if (!add) {
        clear(sum);
      }
      return;
    }
    device.makeCurrent();
    cublas.multiply(
        Gemm.gram(address(x), from, to, add ? 1 : 0, address(sum), rows, columns, x.dtype()));
  }

  private void spread(Tensor bias, Tensor y, int columns) {
    long n = y.shape().elements();
    kernels("elementwise")
        .launch(
            "spread_" + suffix(y.dtype()),
            Grid.of(Math.min(Math.ceilDiv(n, (long) THREADS), 16L * multiprocessors()), THREADS),
            arguments().tensor(bias).tensor(y).int32(columns).int64(n));
  }

  @Override
  public Tensor embed(Tensor ids, Tensor table, Scope scope) {
    Arguments.matrix("embed", "table", table);
    long count = ids.shape().elements();
    Arguments.typeAndShape("embed", "ids", ids, DType.I32, count);
    try (Scope temporary = openScope()) {
      Arguments.tokens("embed", toHost(ids, temporary).toInts(), table.shape().dim(0));
    }
    Tensor y = scope.allocate(table.dtype(), Shape.of(count, table.shape().dim(1)));
    kernels("rows")
        .launch(
            "embed",
            Grid.of(count, THREADS),
            arguments()
                .tensor(ids)
                .tensor(table)
                .tensor(y)
                .int64(table.dtype().byteSize(table.shape().dim(1)) / 2));
    return y;
  }

  @Override
  public Tensor rmsNorm(Tensor x, Tensor weight, NormSpec spec, Scope scope) {
    Arguments.matrix("rmsNorm", "x", x);
    int columns = Math.toIntExact(x.shape().dim(1));
    Arguments.typeAndShape("rmsNorm", "weight", weight, x.dtype(), columns);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    int flags = (spec.unitOffset() ? 1 : 0) + (spec.weightInFloat32() ? 2 : 0);
    kernels("rows")
        .launch(
            "rms_norm_" + suffix(x.dtype()),
            normGrid(x.shape().dim(0), columns),
            arguments()
                .tensor(x)
                .tensor(weight)
                .tensor(y)
                .int32(columns)
                .float32(spec.epsilon())
                .int32(flags));
    return y;
  }

  /** A block per row, whose threads keep up to four times eight elements. */
  private static Grid normGrid(long rows, int columns) {
    int warps = Math.clamp(Math.ceilDiv(columns, 4 * 32 * PER_THREAD), 1, 16);
    return Grid.of(rows, 32 * warps);
  }

  /** A block per row, of as many threads as have something to do. */
  static Grid rowGrid(long rows, int columns) {
    int warps = Math.clamp(Math.ceilDiv(columns, 2 * 32 * PER_THREAD), 1, 16);
    return Grid.of(rows, 32 * warps);
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
    Arguments.positions("rotate", starts, rows);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    kernels("rows")
        .launch(
            "rotate_" + suffix(x.dtype()),
            rowGrid(x.shape().dim(0), columns),
            arguments()
                .tensor(x)
                .tensor(y)
                .int32(columns)
                .int32(headSize)
                .int32(half)
                .tensor(cos)
                .tensor(sin)
                .optional(starts.length == 2 ? Optional.empty() : Optional.of(ints(starts, scope)))
                .int32(starts.length - 1));
    return y;
  }

  /** Integers on the device. */
  Tensor ints(int[] values, Scope scope) {
    Tensor host = Tensor.of(DType.I32, Shape.of(values.length), MemorySegment.ofArray(values));
    return upload(host, (CudaScope) scope);
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
    Arguments.matrix("attention", "k", k);
    long rows = q.shape().dim(0);
    long keys = k.shape().dim(0);
    long heads = spec.heads();
    long keyHeads = spec.keyValueHeads();
    DType dtype = q.dtype();
    Arguments.typeAndShape("attention", "q", q, dtype, rows, heads * spec.headSize());
    Arguments.typeAndShape("attention", "k", k, dtype, keys, keyHeads * spec.headSize());
    Arguments.typeAndShape("attention", "v", v, dtype, keys, keyHeads * spec.valueHeadSize());
    Arguments.starts("attention", starts, rows);
    Arguments.keys("attention", keys, rows, starts);
    sinks.ifPresent(s -> Arguments.typeAndShape("attention", "sinks", s, dtype, heads));
    Tensor y = scope.allocate(dtype, Shape.of(rows, heads * spec.valueHeadSize()));
    AttentionKernel kernel = AttentionKernel.of(spec, dtype);
    for (int i = 0; i + 1 < starts.length; i++) {
      int from = starts[i];
      int length = starts[i + 1] - from;
      if (length > 0) {
        kernel.launch(this, kernels("attention"), q, k, v, y, sinks, from, length);
      }
    }
    return y;
  }

  @Override
  public Tensor gated(Activation activation, Tensor gate, Tensor up, Scope scope) {
    Arguments.floats("gated", "gate", gate);
    Arguments.same("gated", "up", up, gate);
    Tensor y = scope.allocate(gate.dtype(), gate.shape());
    long n = gate.shape().elements();
    int code =
        switch (activation) {
          case SILU -> 0;
          case GELU_TANH -> 1;
          case GELU -> 2;
          case RELU -> 3;
          case CLAMPED_SWIGLU -> 4;
        };
    kernels("elementwise")
        .launch(
            "gated_" + suffix(gate.dtype()),
            elements(n),
            arguments().int32(code).tensor(gate).tensor(up).tensor(y).int64(n));
    return y;
  }

  @Override
  public Tensor add(Tensor x, Tensor y, Scope scope) {
    Arguments.floats("add", "x", x);
    Arguments.same("add", "y", y, x);
    Tensor sum = scope.allocate(x.dtype(), x.shape());
    long n = x.shape().elements();
    kernels("elementwise")
        .launch(
            "add_" + suffix(x.dtype()),
            elements(n),
            arguments().tensor(x).tensor(y).tensor(sum).int64(n));
    return sum;
  }

  @Override
  public Tensor scale(Tensor x, float factor, Scope scope) {
    return scaled("scale", x, factor, scope);
  }

  @Override
  public Tensor softCap(Tensor x, float cap, Scope scope) {
    if (!(cap > 0)) {
      throw new IllegalArgumentException("softCap: cap must be positive but is " + cap);
    }
    return scaled("soft_cap", x, cap, scope);
  }

  @Override
  public Tensor scaleColumns(Tensor x, Tensor factors, Scope scope) {
    if (factors.dtype() != x.dtype()) {
      return Backend.super.scaleColumns(x, factors, scope);
    }
    Arguments.matrix("scaleColumns", "x", x);
    Arguments.typeAndShape("scaleColumns", "factors", factors, x.dtype(), x.shape().dim(1));
    Tensor y = scope.allocate(x.dtype(), x.shape());
    long n = x.shape().elements();
    kernels("elementwise")
        .launch(
            "scale_columns_" + suffix(x.dtype()),
            Grid.of(
                Math.clamp(Math.ceilDiv(n, (long) THREADS), 1, 16L * multiprocessors()), THREADS),
            arguments()
                .tensor(x)
                .tensor(factors)
                .tensor(y)
                .int32(Math.toIntExact(x.shape().dim(1)))
                .int64(n));
    return y;
  }

  @Override
  public double[] rowDots(Tensor a, Tensor b) {
    Arguments.matrix("rowDots", "a", a);
    Arguments.typeAndShape("rowDots", "b", b, DType.F32, a.shape().dim(0), a.shape().dim(1));
    Arguments.same("rowDots", "a", a, b);
    int rows = Math.toIntExact(a.shape().dim(0));
    int columns = Math.toIntExact(a.shape().dim(1));
    if (rows == 0) {
      return new double[0];
    }
    try (Scope scope = openScope()) {
      Tensor result = scope.allocate(DType.I32, Shape.of(rows, 2)); // float64
      kernels("rows")
          .launch(
              "row_dots",
              rowGrid(rows, columns),
              arguments().tensor(a).tensor(b).tensor(result).int32(columns));
      return toHost(result, scope).segment().toArray(ValueLayout.JAVA_DOUBLE);
    }
  }

  private Tensor scaled(String kernel, Tensor x, float by, Scope scope) {
    Arguments.floats(kernel, "x", x);
    Tensor y = scope.allocate(x.dtype(), x.shape());
    long n = x.shape().elements();
    kernels("elementwise")
        .launch(
            kernel + "_" + suffix(x.dtype()),
            elements(n),
            arguments().tensor(x).float32(by).tensor(y).int64(n));
    return y;
  }

  @Override
  public Tensor columns(List<Tensor> sources, int[] columns, Scope scope) {
    Arguments.sources("columns", sources, 0);
    Arguments.indices("columns", columns, sources, 1);
    return moves().columns(sources, columns, scope);
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
    return moves().mixRows(sources, rows, weights, each, scope);
  }

  @Override
  public void copyRows(Tensor rows, Tensor target, long at) {
    Arguments.matrix("copyRows", "rows", rows);
    long count = rows.shape().dim(0);
    long columns = rows.shape().dim(1);
    Arguments.typeAndShape(
        "copyRows", "target", target, rows.dtype(), target.shape().dim(0), columns);
    if (at < 0 || at + count > target.shape().dim(0)) {
      throw new IllegalArgumentException(
          "copyRows: rows %d to %d are not among the %d of the target"
              .formatted(at, at + count, target.shape().dim(0)));
    }
    device.makeCurrent();
    check(
        JCudaDriver.cuMemcpyDtoDAsync(
            Pointers.device(address(target) + at * rows.dtype().byteSize(columns)),
            Pointers.device(address(rows)),
            rows.byteSize(),
            device.compute()),
        "copying rows");
  }

  private Moves moves() {
    return new Moves(this, kernels("moves"));
  }

  @Override
  public ChannelSummary summarize(Tensor x) {
    Arguments.matrix("summarize", "x", x);
    try (ChannelObserver observer = observeChannels(Math.toIntExact(x.shape().dim(1)))) {
      observer.add(x);
      return observer.summary();
    }
  }

  @Override
  public ChannelObserver observeChannels(int channels) {
    return new DeviceChannelObserver(this, kernels("statistics"), channels);
  }

  @Override
  public double[] logLikelihoods(Tensor logits, int[] targets) {
    Arguments.matrix("logLikelihoods", "logits", logits);
    Arguments.targets("logLikelihoods", targets, logits.shape());
    int columns = Math.toIntExact(logits.shape().dim(1));
    try (Scope scope = openScope()) {
      // The driver knows no float64 tensors: two words each.
      Tensor result = scope.allocate(DType.I32, Shape.of(targets.length, 2));
      kernels("rows")
          .launch(
              "log_likelihood_" + suffix(logits.dtype()),
              rowGrid(targets.length, columns),
              arguments()
                  .tensor(logits)
                  .tensor(ints(targets.clone(), scope))
                  .tensor(result)
                  .int32(columns));
      return toHost(result, scope).segment().toArray(ValueLayout.JAVA_DOUBLE);
    }
  }

  private static Grid elements(long n) {
    return Grid.of(Math.ceilDiv(n, (long) THREADS * PER_THREAD), THREADS);
  }

  /** How kernels call a type of elements. */
  public static String suffix(DType dtype) {
    return switch (dtype) {
      case F32 -> "f32";
      case BF16 -> "bf16";
      case F16 -> "f16";
      default -> throw new IllegalArgumentException("no kernel for elements of " + dtype);
    };
  }

  @Override
  public void close() {
    device.synchronize();
    cublas.close();
    staging.close();
    pool.close();
    workers.close();
    device.close();
  }
}
