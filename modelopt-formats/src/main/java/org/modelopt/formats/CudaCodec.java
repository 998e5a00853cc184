package org.modelopt.formats;

import java.util.Optional;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.compute.cuda.CudaModule;
import org.modelopt.compute.cuda.CudaModule.Grid;
import org.modelopt.compute.cuda.KernelArguments;
import org.modelopt.numeric.Conversion;
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

  private CudaModule quantize() {
    return backend.module(CudaCodec.class, "cuda/quantize.ptx");
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
    long blocks = Math.min(Math.ceilDiv(n, 8L * THREADS), 16L * backend.multiprocessors());
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
    quantize()
        .launch(
            "%s_%s_%s".formatted(operation, kind, CudaBackend.suffix(x.dtype())),
            chunks(x.shape()),
            matrix(
                    backend
                        .arguments()
                        .tensor(x)
                        .tensor(out)
                        .tensor(scales.values())
                        .optional(scales.zeroPoints())
                        .tensor(strange),
                    x)
                .words(words(x, scales.globalScale())));
  }

  /** Whether scales and codes of a tensor of {@code shape} can be made by one kernel. */
  public boolean isOnePass(Shape shape) {
    return spec.scaleRule().dependsOnAmaxOnly() && groups(shape).areRuns(shape.columns());
  }

  /** Scales and codes in one pass, where {@link #isOnePass}. */
  public void encodeWithScales(Tensor x, Scales into, Tensor codes, Tensor strange) {
    own("encode_own", x, into.globalScale(), into.values(), codes, strange);
  }

  /** What a round trip under scales of its own makes of {@code x}, where {@link #isOnePass}. */
  public void roundUnderOwnScales(Tensor x, float globalScale, Tensor into, Tensor strange) {
    own("round_own", x, globalScale, strange, into, strange);
  }

  private void own(
      String operation, Tensor x, float globalScale, Tensor scales, Tensor out, Tensor strange) {
    quantize()
        .launch(
            "%s_%s_%s".formatted(operation, kind, CudaBackend.suffix(x.dtype())),
            chunks(x.shape()),
            matrix(backend.arguments().tensor(x).tensor(out).tensor(scales).tensor(strange), x)
                .words(words(x, globalScale)));
  }

  /** The values of codes, in the type of {@code into}. */
  public void decode(Tensor codes, Scales scales, Tensor into) {
    quantize()
        .launch(
            "decode_%s_%s".formatted(kind, CudaBackend.suffix(into.dtype())),
            chunks(into.shape()),
            matrix(
                    backend
                        .arguments()
                        .tensor(codes)
                        .tensor(into)
                        .tensor(scales.values())
                        .optional(scales.zeroPoints()),
                    into)
                .words(words(into, scales.globalScale())));
  }

  private static KernelArguments matrix(KernelArguments arguments, Tensor x) {
    return arguments.int64s(x.shape().rows(), x.shape().columns());
  }

  private static Grid chunks(Shape shape) {
    long chunks = shape.rows() * Math.ceilDiv(shape.columns(), (long) PER_THREAD);
    return Grid.of(Math.ceilDiv(chunks, (long) THREADS), THREADS);
  }
}
