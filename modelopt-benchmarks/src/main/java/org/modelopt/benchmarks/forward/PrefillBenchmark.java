package org.modelopt.benchmarks.forward;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import org.modelopt.benchmarks.Usage;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.compute.Scope;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.StatisticsObserver;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Prefill of a random Llama of the shape of Llama 3.2 1B on the CPU, in bfloat16: tokens per second
 * of the whole model, and of its matrix products alone with the same weights and row counts, taken
 * in turns, least time of each. The share is products' time by forward's time. A third kind of pass
 * gathers statistics.
 *
 * <p>Arguments: directory for the checkpoint (2.5 GB; made if missing), tokens per sample (512),
 * samples (4), rounds (3), threads (2).
 */
public final class PrefillBenchmark {
  private PrefillBenchmark() {}

  /** Runs the benchmark. */
  public static void main(String[] args) throws IOException {
    Usage.check(args, "[DIRECTORY] [TOKENS] [SAMPLES] [ROUNDS] [THREADS]");
    Path directory = Path.of(args.length > 0 ? args[0] : "target/random-llama-1b");
    int tokens = args.length > 1 ? Integer.parseInt(args[1]) : 512;
    int count = args.length > 2 ? Integer.parseInt(args[2]) : 4;
    int rounds = args.length > 3 ? Integer.parseInt(args[3]) : 3;
    int threads = args.length > 4 ? Integer.parseInt(args[4]) : 2;
    if (Files.notExists(directory.resolve("model.safetensors"))) {
      RandomLlama.ONE_BILLION.write(directory);
    }
    JobOptions options =
        JobOptions.defaults()
            .withDevice("cpu")
            .withThreads(threads)
            .withPrecision(Precision.BFLOAT16);
    try (HfModel model = Models.load(directory);
        Backend backend = options.openBackend();
        Arena arena = Arena.ofShared()) {
      List<Tensor> samples = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        samples.add(sample(arena, tokens, i));
      }
      MemorySegment inputs = inputs(model, arena, tokens);
      Pass plain = Pass.plain(backend, Precision.BFLOAT16);
      Seconds products = Seconds.NONE;
      Seconds forward = Seconds.NONE;
      Seconds observed = Seconds.NONE;
      for (int round = 0; round < rounds; round++) {
        products =
            products.least(Seconds.of(() -> products(model, backend, inputs, tokens, count)));
        forward = forward.least(Seconds.of(() -> forward(model, samples, plain, options)));
        Pass observing =
            plain.observedBy(
                new StatisticsObserver(backend, name -> Optional.of(Seen.Wanted.STATISTICS)));
        observed = observed.least(Seconds.of(() -> forward(model, samples, observing, options)));
      }
      report(System.out, model, backend, tokens * count, products, forward, observed);
    }
  }

  private static void report(
      PrintStream out,
      HfModel model,
      Backend backend,
      int tokens,
      Seconds products,
      Seconds forward,
      Seconds observed) {
    double operations = 0;
    for (Layer layer : model.layers()) {
      for (InputGroup group : layer.inputGroups()) {
        for (Linear linear : group.linears()) {
          operations += 2.0 * tokens * linear.elements();
        }
      }
    }
    out.println(backend.description());
    out.println("| pass | tokens/s | GFLOP/s of products | share, by clock | share, by CPU time |");
    out.println("|---|---|---|---|---|");
    row(out, "products alone", tokens, operations, products, products);
    row(out, "forward", tokens, operations, products, forward);
    row(out, "forward with statistics", tokens, operations, products, observed);
  }

  private static void row(
      PrintStream out, String name, int tokens, double operations, Seconds products, Seconds time) {
    out.printf(
        Locale.ROOT,
        "| %s | %.0f | %.0f | %.3f | %.3f |%n",
        name,
        tokens / time.clock(),
        operations / time.clock() / 1e9,
        products.clock() / time.clock(),
        products.cpu() / time.cpu());
  }

  /**
   * Time by the clock, and of all threads of this process on processors: steadier beside others.
   */
  private record Seconds(double clock, double cpu) {
    static final Seconds NONE = new Seconds(Double.MAX_VALUE, Double.MAX_VALUE);

    static Seconds of(Runnable work) {
      long clock = System.nanoTime();
      long cpu = processNanos();
      work.run();
      return new Seconds((System.nanoTime() - clock) / 1e9, (processNanos() - cpu) / 1e9);
    }

    private static long processNanos() {
      return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
    }

    Seconds least(Seconds other) {
      return new Seconds(Math.min(clock, other.clock), Math.min(cpu, other.cpu));
    }
  }

  private static void forward(HfModel model, List<Tensor> samples, Pass pass, JobOptions options) {
    Forward.run("prefill", model, samples, pass, options, (sample, logits) -> {});
  }

  /** Every linear of every layer, as often and with as many rows as in a forward pass. */
  private static void products(
      HfModel model, Backend backend, MemorySegment inputs, int tokens, int count) {
    for (Layer layer : model.layers()) {
      try (Arena arena = Arena.ofShared()) {
        for (InputGroup group : layer.inputGroups()) {
          Shape shape = Shape.of(tokens, group.linears().getFirst().inFeatures());
          Tensor x = Tensor.of(DType.BF16, shape, inputs.asSlice(0, 2 * shape.elements()));
          List<Tensor> weights =
              group.linears().stream()
                  .map(linear -> model.tensors().open(linear.weightName(), arena))
                  .toList();
          for (int i = 0; i < count; i++) {
            for (Tensor weight : weights) {
              try (Scope scope = backend.openScope()) {
                backend.linear(x, weight, Optional.empty(), scope);
              }
            }
          }
        }
      }
    }
  }

  /** Random bfloat16 numbers, enough for the input of any linear. */
  private static MemorySegment inputs(HfModel model, Arena arena, int tokens) {
    long widest =
        model.layers().stream()
            .flatMap(layer -> layer.inputGroups().stream())
            .flatMap(group -> group.linears().stream())
            .mapToLong(Linear::inFeatures)
            .max()
            .orElseThrow();
    Tensor x = Tensor.allocate(arena, DType.BF16, Shape.of(tokens, widest));
    SplittableRandom random = new SplittableRandom(1);
    for (long i = 0; i < tokens * widest; i++) {
      // Any sign and fraction, magnitudes from 0.5 to 2.
      x.segment().set(Tensor.SHORT, 2 * i, (short) ((random.nextInt() & 0x80FF) | 0x3F00));
    }
    return x.segment();
  }

  private static Tensor sample(Arena arena, int tokens, int seed) {
    Tensor ids = Tensor.allocate(arena, DType.I32, Shape.of(tokens));
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < tokens; i++) {
      ids.segment().set(Tensor.INT, 4 * i, random.nextInt(RandomLlama.ONE_BILLION.vocabulary()));
    }
    return ids;
  }
}
