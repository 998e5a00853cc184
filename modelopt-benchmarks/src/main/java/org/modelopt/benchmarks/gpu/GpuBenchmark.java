package org.modelopt.benchmarks.gpu;

import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import org.modelopt.benchmarks.Usage;
import org.modelopt.compute.Activation;
import org.modelopt.compute.AttentionSpec;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.NormSpec;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Prints bandwidth and rates of the CUDA backend as a table; all on random data. */
public final class GpuBenchmark {
  private static final int TOKENS = 2048;
  private static final int HIDDEN = 4096;
  private static final int KEY_CHANNELS = 1024;
  private static final int FEED_FORWARD = 14336;

  private final CudaBackend gpu;
  private final DeviceClock clock;
  private final Scope scope;
  private final PrintStream out = System.out;
  private final Tensor noise;

  private GpuBenchmark(CudaBackend gpu, Scope scope, Arena arena) {
    this.gpu = gpu;
    this.clock = new DeviceClock(gpu);
    this.scope = scope;
    Random random = new Random(1);
    float[] values = new float[1 << 20];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.02f;
    }
    this.noise =
        gpu.toDevice(Tensor.ofFloats(arena, Shape.of(values.length), values), DType.BF16, scope);
  }

  /** Runs all benchmarks. */
  public static void main(String[] args) {
    Usage.check(args, "");
    try (CudaBackend gpu = (CudaBackend) Backends.open("cuda", BackendOptions.defaults());
        Scope scope = gpu.openScope();
        Arena arena = Arena.ofShared()) {
      System.out.println(gpu.description());
      GpuBenchmark benchmark = new GpuBenchmark(gpu, scope, arena);
      double copy = benchmark.memory();
      new QuantizerBenchmark(gpu, benchmark.clock, copy, System.out).run(benchmark::random);
      benchmark.layer();
    }
  }

  /** A bfloat16 tensor of repeated noise. */
  private Tensor random(long... dims) {
    Tensor tensor = scope.allocate(DType.BF16, Shape.of(dims));
    Tensor flat = tensor.reshape(Shape.of(tensor.shape().elements()));
    long n = flat.shape().elements();
    for (long at = 0; at < n; at += noise.shape().elements()) {
      long end = Math.min(n, at + noise.shape().elements());
      gpu.copy(noise.rows(0, end - at), flat.rows(at, end));
    }
    return tensor;
  }

  private void print(String what, double seconds, String figures) {
    out.println(String.format(Locale.ROOT, "| %s | %.1f us | %s |", what, seconds * 1e6, figures));
  }

  private double memory() {
    Tensor x = random(16384, 8192);
    Tensor y = scope.allocate(DType.BF16, x.shape());
    double seconds = clock.seconds(() -> gpu.copy(x, y));
    double copy = 2.0 * x.byteSize() / seconds;
    print("device copy 256 MiB", seconds, "%.0f GB/s".formatted(copy * 1e-9));
    Tensor weight = random(8192);
    rate(
        "RMS norm",
        copy,
        2 * x.byteSize(),
        temporary -> gpu.rmsNorm(x, weight, NormSpec.rms(1e-5), temporary));
    rate("add", copy, 3 * x.byteSize(), temporary -> gpu.add(x, y, temporary));
    rate(
        "gated SiLU",
        copy,
        3 * x.byteSize(),
        temporary -> gpu.gated(Activation.SILU, x, y, temporary));
    rate("channel summary", copy, x.byteSize(), temporary -> gpu.summarize(x));
    return copy;
  }

  /** Work whose results live in a scope of their own. */
  private interface Work {
    void run(Scope temporary);
  }

  private void rate(String what, double copy, long bytes, Work work) {
    double seconds = seconds(work);
    double rate = bytes / seconds;
    print(
        what,
        seconds,
        String.format(Locale.ROOT, "%.0f GB/s, %.2f of copy", rate * 1e-9, rate / copy));
  }

  private double seconds(Work work) {
    return clock.seconds(() -> {
      try (Scope temporary = gpu.openScope()) {
        work.run(temporary);
      }
    });
  }

  private double product(int rows, int in, int out) {
    Tensor x = random(rows, in);
    Tensor w = random(out, in);
    double seconds = seconds(temporary -> gpu.linear(x, w, Optional.empty(), temporary));
    print(
        "product %d x %d x %d".formatted(rows, in, out),
        seconds,
        "%.0f TFLOP/s".formatted(2.0 * rows * in * out / seconds * 1e-12));
    return seconds;
  }

  private void layer() {
    double big = product(8192, 8192, 8192);
    double rate = 2.0 * 8192 * 8192 * 8192 / big;
    double products =
        2 * product(TOKENS, HIDDEN, HIDDEN)
            + 2 * product(TOKENS, HIDDEN, KEY_CHANNELS)
            + 2 * product(TOKENS, HIDDEN, FEED_FORWARD)
            + product(TOKENS, FEED_FORWARD, HIDDEN);
    print("all products of a layer of 8B shape", products, "");

    AttentionSpec spec = AttentionSpec.causal(32, 8, 128);
    Tensor q = random(TOKENS, HIDDEN);
    Tensor k = random(TOKENS, KEY_CHANNELS);
    Tensor v = random(TOKENS, KEY_CHANNELS);
    int[] starts = {0, TOKENS};
    double attention =
        seconds(temporary -> gpu.attention(q, k, v, spec, Optional.empty(), starts, temporary));
    double flops = 4.0 * TOKENS * (TOKENS + 1) / 2 * HIDDEN;
    print(
        "attention 2048, 32/8 heads of 128",
        attention,
        String.format(
            Locale.ROOT,
            "%.0f TFLOP/s, %.2f of the product of 8192^3",
            flops / attention * 1e-12,
            flops / attention / rate));

    Tensor angles = gpu.toDevice(random(TOKENS, 64), DType.F32, scope); // any will do
    DecoderLayerRun run =
        new DecoderLayerRun(gpu, this::random, angles, spec, TOKENS, HIDDEN, FEED_FORWARD);
    Tensor x = random(TOKENS, HIDDEN);
    double plain = seconds(temporary -> run.forward(x, temporary, Optional.empty()));
    print(
        "layer of 8B shape, 2048 tokens",
        plain,
        String.format(
            Locale.ROOT,
            "%.2f of the time is products; 32 layers: %.0f tokens/s",
            products / plain,
            TOKENS / (32 * plain)));
    try (DecoderLayerRun.Observers observers = run.observers()) {
      double observed = seconds(temporary -> run.forward(x, temporary, Optional.of(observers)));
      print(
          "the same, inputs observed",
          observed,
          String.format(Locale.ROOT, "%.3f of plain", observed / plain));
    }
  }

  /** Makes random tensors. */
  interface Source {
    Tensor random(long... dims);
  }
}
