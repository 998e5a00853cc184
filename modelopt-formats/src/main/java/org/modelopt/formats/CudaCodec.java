package org.modelopt.formats;

import java.util.Optional;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.compute.cuda.CudaModule;
import org.modelopt.compute.cuda.CudaModule.Grid;
import org.modelopt.compute.cuda.KernelArguments;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * One format on tensors that are on the device; nothing is waited for. All axes of a tensor but the
 * last count as rows.
 *
 * <p>{@code strange} is I32 {@code [1]} on the device; it becomes 1 when an element that is not
 * finite is met, which then counts as in {@link org.modelopt.numeric.NonFinite#SATURATE}.
 */
public final class CudaCodec {
  private static final int THREADS = 256;
  private static final int PER_THREAD = 16;
  private static final int EIGHTS_PER_DECODER = 2;
  private static final int AMAX_BLOCKS_PER_MULTIPROCESSOR = 8;

  private final CudaBackend backend;
  private final QuantSpec spec;
  private final Conversion conversion;
  private final String kind;

  /** A codec of {@code spec}; nothing is loaded yet. */
  public CudaCodec(CudaBackend backend, QuantSpec spec, Conversion conversion) {
    this.backend = backend;
    this.spec = spec;
    this.conversion = conversion;
    this.kind = CudaSpecWords.kind(spec);
  }

  /** For every layout and rounding. */
  private CudaModule quantize() {
    return backend.module(CudaCodec.class, "cuda/quantize.ptx");
  }

  /** For {@link CudaRuns}, at the speed of memory. */
  private CudaModule packed() {
    return backend.module(CudaCodec.class, "cuda/packed.ptx");
  }

  private Optional<CudaRuns> runs(Shape shape) {
    return CudaRuns.of(spec, conversion, shape, groups(shape));
  }

  private String kernel(String operation, DType dtype) {
    return kernel(operation, kind, dtype);
  }

  private static String kernel(String operation, String kind, DType dtype) {
    return "%s_%s_%s".formatted(operation, kind, CudaBackend.suffix(dtype));
  }

  /** Encoders of runs have a kind of their own for E2M1. */
  private String encoder(String operation, DType dtype) {
    boolean own = spec.format().equals(FloatFormat.E2M1);
    return kernel(operation, own ? "e2m1" : kind, dtype);
  }

  private CudaModule scaling() {
    return backend.module(CudaCodec.class, "cuda/scales.ptx");
  }

  private CudaGroups groups(Shape shape) {
    return CudaGroups.of(shape.rows(), shape.columns(), spec.granularity());
  }

  private int[] words(Tensor x, float globalScale) {
    return CudaSpecWords.of(spec, conversion, x.dtype(), groups(x.shape()), globalScale);
  }

  /** Largest magnitude of all elements; {@code into} is F32 {@code [1]}, zero or an earlier one. */
  public void amaxOfAll(Tensor x, Tensor into, Tensor strange) {
    long n = x.shape().elements();
    long blocks =
        Math.clamp(
            n / (32L * THREADS),
            1,
            (long) AMAX_BLOCKS_PER_MULTIPROCESSOR * backend.multiprocessors());
    scaling()
        .launch(
            "amax_all_" + CudaBackend.suffix(x.dtype()),
            Grid.of(blocks, THREADS),
            backend.arguments().tensor(x).int64(n).tensor(into).tensor(strange));
  }

  /** Largest magnitude of each group; {@code into} is F32 and zero. */
  public void amax(Tensor x, Tensor into, Tensor strange) {
    CudaGroups groups = groups(x.shape());
    if (groups.count() == 1) {
      amaxOfAll(x, into, strange);
    } else {
      rectangles(x, groups, into, Optional.empty(), strange);
    }
  }

  private void rectangles(
      Tensor x, CudaGroups groups, Tensor amax, Optional<Tensor> extremes, Tensor strange) {
    long chunks = (long) groups.rows() * Math.ceilDiv(groups.columns(), 8);
    int threads = 32 * Math.clamp(Math.ceilDiv(chunks, 32L), 1, 8);
    scaling()
        .launch(
            "rectangles_" + CudaBackend.suffix(x.dtype()),
            Grid.of(groups.count(), threads),
            backend
                .arguments()
                .tensor(x)
                .int64(x.shape().rows())
                .int64(x.shape().columns())
                .int32(groups.rows())
                .int32(groups.columns())
                .int32(groups.perRow())
                .tensor(amax)
                .optional(extremes)
                .tensor(strange));
  }

  /** Scales, and zero points where the rule has them, under the global scale of {@code into}. */
  public void scales(Tensor x, Scales into, Tensor strange, Scope scope) {
    CudaGroups groups = groups(x.shape());
    int[] words = words(x, into.globalScale());
    if (spec.scaleRule() == ScaleRule.FOUR_OVER_SIX) {
      scaling()
          .launch(
              "four_over_six_" + CudaBackend.suffix(x.dtype()),
              Grid.of(Math.ceilDiv(groups.count(), (long) THREADS), THREADS),
              backend
                  .arguments()
                  .tensor(x)
                  .int64(x.shape().rows())
                  .int64(x.shape().columns())
                  .tensor(into.values())
                  .tensor(strange)
                  .words(words));
      return;
    }
    Tensor amax = scope.allocate(DType.F32, Shape.of(groups.count()));
    backend.clear(amax);
    KernelArguments arguments;
    String kernel;
    if (spec.scaleRule().dependsOnAmaxOnly()) {
      amax(x, amax, strange);
      kernel = "scales_of_amax";
      arguments = backend.arguments().tensor(amax).tensor(into.values());
    } else {
      Tensor extremes = scope.allocate(DType.F32, Shape.of(groups.count(), 2));
      rectangles(x, groups, amax, Optional.of(extremes), strange);
      kernel = "scales_of_range";
      arguments =
          backend.arguments().tensor(extremes).tensor(into.values()).optional(into.zeroPoints());
    }
    scaling()
        .launch(
            kernel,
            Grid.of(Math.ceilDiv(groups.count(), (long) THREADS), THREADS),
            arguments.int64(groups.count()).words(words));
  }

  /** Codes under given scales. */
  public void encode(Tensor x, Scales scales, Tensor codes, Tensor strange) {
    given("encode", x, scales, codes, strange);
  }

  /** What encoding and decoding under given scales makes of {@code x}, in its type. */
  public void round(Tensor x, Scales scales, Tensor into, Tensor strange) {
    given("round", x, scales, into, strange);
  }

  private void given(String operation, Tensor x, Scales scales, Tensor out, Tensor strange) {
    KernelArguments arguments =
        backend
            .arguments()
            .tensor(x)
            .tensor(out)
            .tensor(scales.values())
            .optional(scales.zeroPoints())
            .tensor(strange);
    String kernel = kernel(operation, x.dtype());
    int[] words = words(x, scales.globalScale());
    Optional<CudaRuns> runs = runs(x.shape());
    if (runs.isPresent()) {
      boolean encode = operation.equals("encode");
      long count = runs.get().count();
      packed()
          .launch(
              encode ? encoder(operation, x.dtype()) : kernel,
              threads(encode ? count : 2 * count),
              arguments.words(runs.get().words()).words(words));
    } else {
      quantize().launch(kernel, chunks(x.shape()), matrix(arguments, x).words(words));
    }
  }

  /** Whether scales and codes of a tensor of {@code shape} can be made by one kernel. */
  public boolean isOnePass(Shape shape) {
    return spec.scaleRule().dependsOnAmaxOnly()
        && groups(shape).areShortRuns(shape.columns())
        && runs(shape).isPresent();
  }

  /** Scales and codes in one pass, where {@link #isOnePass}. */
  public void encodeWithScales(Tensor x, Scales into, Tensor codes, Tensor strange) {
    CudaRuns runs = runs(x.shape()).orElseThrow();
    packed()
        .launch(
            encoder("encode_own", x.dtype()),
            threads(runs.count()),
            backend
                .arguments()
                .tensor(x)
                .tensor(codes)
                .tensor(into.values())
                .tensor(strange)
                .words(runs.words())
                .words(words(x, into.globalScale())));
  }

  /** What a round trip under scales of its own makes of {@code x}, where {@link #isOnePass}. */
  public void roundUnderOwnScales(Tensor x, float globalScale, Tensor into, Tensor strange) {
    CudaRuns runs = runs(x.shape()).orElseThrow();
    packed()
        .launch(
            kernel("round_own", x.dtype()),
            threads(2 * runs.count()),
            backend
                .arguments()
                .tensor(x)
                .tensor(into)
                .tensor(strange)
                .words(runs.words())
                .words(words(x, globalScale)));
  }

  /** The values of codes, in the type of {@code into}. */
  public void decode(Tensor codes, Scales scales, Tensor into) {
    KernelArguments arguments =
        backend
            .arguments()
            .tensor(codes)
            .tensor(into)
            .tensor(scales.values())
            .optional(scales.zeroPoints());
    String kernel = kernel("decode", into.dtype());
    int[] words = words(into, scales.globalScale());
    Optional<CudaRuns> runs = runs(into.shape()).filter(found -> spec.format().bits() != 6);
    if (runs.isPresent()) {
      packed()
          .launch(
              kernel,
              threads(Math.ceilDiv(2 * runs.get().count(), EIGHTS_PER_DECODER)),
              arguments.words(runs.get().words()).words(words));
    } else {
      quantize().launch(kernel, chunks(into.shape()), matrix(arguments, into).words(words));
    }
  }

  /**
   * Differences of elements and their values after a round trip.
   *
   * @param values F32, of the shape of {@code x}
   * @param counts whether to count elements beyond what their scales reach
   * @param sums float64 {@code [blocks, 3]} as I32 {@code [blocks, 6]}: squared differences,
   *     squares and elements beyond
   */
  void roundTrip(Tensor x, Tensor values, Scales scales, float slack, boolean counts, Tensor sums) {
    scaling()
        .launch(
            "round_trip_" + CudaBackend.suffix(x.dtype()),
            Grid.of(sums.shape().dim(0), THREADS),
            backend
                .arguments()
                .tensor(x)
                .tensor(values)
                .int64(x.shape().rows())
                .int64(x.shape().columns())
                .tensor(scales.values())
                .float32(slack)
                .int32(counts ? 1 : 0)
                .tensor(sums)
                .words(words(x, scales.globalScale())));
  }

  private static Grid threads(long threads) {
    return Grid.of(Math.ceilDiv(threads, (long) THREADS), THREADS);
  }

  private static KernelArguments matrix(KernelArguments arguments, Tensor x) {
    return arguments.int64s(x.shape().rows(), x.shape().columns());
  }

  private static Grid chunks(Shape shape) {
    long chunks = shape.rows() * Math.ceilDiv(shape.columns(), (long) PER_THREAD);
    return Grid.of(Math.ceilDiv(chunks, (long) THREADS), THREADS);
  }
}
