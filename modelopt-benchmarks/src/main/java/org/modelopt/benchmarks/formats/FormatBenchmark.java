package org.modelopt.benchmarks.formats;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Quantizers;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One pass over a bfloat16 weight of 16384 by 16384, 512 MiB, larger than any cache, on two threads
 * of the library's own pool.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Xmx1g"
    })
public class FormatBenchmark {
  static final Shape SHAPE = Shape.of(16384, 16384);
  private static final int THREADS = 2;
  private static final long COPY_CHUNK = 1 << 17;

  /** Name of the format, see {@link Named}. */
  @Param({
    "FP8",
    "FP8_PER_CHANNEL",
    "FP8_128X128",
    "INT8",
    "INT8_PER_CHANNEL",
    "INT4_BLOCK_128",
    "MXFP8",
    "MXFP6",
    "MXFP4",
    "MXINT8",
    "NVFP4",
    "NVFP4_FOUR_OVER_SIX",
    "NF4"
  })
  public String format = "FP8";

  private final Arena arena = Arena.ofShared();
  private final Backend backend =
      Backends.open("cpu", BackendOptions.defaults().withThreads(THREADS));
  private final Tensor x = Tensor.allocate(arena, DType.BF16, SHAPE);
  private final Tensor target = Tensor.allocate(arena, DType.BF16, SHAPE);
  private QuantSpec spec = QuantSpec.FP8;
  private Quantizer quantizer = Quantizers.of(spec, backend);
  private Scales scales = Scales.dynamic(1);
  private Tensor amax = x;
  private QuantizedTensor codes = new QuantizedTensor(spec, SHAPE, x, scales);

  /** Fills the weight with normal deviates and checks a round trip. */
  @Setup(Level.Trial)
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    short[] pattern = new short[1 << 20];
    for (int i = 0; i < pattern.length; i++) {
      pattern[i] = (short) (Float.floatToRawIntBits((float) random.nextGaussian() * .02f) >>> 16);
    }
    for (long at = 0; at < x.byteSize(); at += 2L * pattern.length) {
      MemorySegment.copy(pattern, 0, x.segment(), Tensor.SHORT, at, pattern.length);
    }
    spec = Named.spec(format);
    quantizer = Quantizers.of(spec, backend);
    scales = quantizer.scales(x, arena);
    amax = quantizer.amax(x, arena);
    codes = QuantizedTensor.allocate(spec, SHAPE, scales.globalScale(), arena);
    quantizer.quantize(Matrix.of(x), codes);
    if (codes.codes().segment().mismatch(quantizer.quantize(x, scales, arena).codes().segment())
        >= 0) {
      throw new IllegalStateException("one pass and two passes differ");
    }
  }

  /** Releases the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    backend.close();
    arena.close();
  }

  /** Reads and writes the weight's bytes. */
  @Benchmark
  public void copy() {
    MemorySegment from = x.segment();
    MemorySegment to = target.segment();
    backend
        .workers()
        .forRange(x.byteSize(), COPY_CHUNK, (a, b) -> MemorySegment.copy(from, a, to, a, b - a));
  }

  /** Reads the weight, writes one maximum per scale. */
  @Benchmark
  public void amax() {
    quantizer.amax(Matrix.of(x), amax);
  }

  /** Reads the weight, writes codes and scales; per tensor the scale is given. */
  @Benchmark
  public void quantize() {
    if (spec.granularity() instanceof Granularity.PerTensor) {
      quantizer.quantize(Matrix.of(x), scales, codes.codes());
    } else {
      quantizer.quantize(Matrix.of(x), codes);
    }
  }

  /** Reads codes and scales, writes bfloat16. */
  @Benchmark
  public void dequantize() {
    quantizer.dequantize(codes, target);
  }
}
