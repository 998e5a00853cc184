package org.modelopt.benchmarks.gpu;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import org.modelopt.benchmarks.Usage;
import org.modelopt.benchmarks.forward.RandomLlama;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Precision;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.config.Config;
import org.modelopt.data.SampleSet;
import org.modelopt.job.Activations;
import org.modelopt.job.JobOptions;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.ParameterLoader;
import org.modelopt.job.Pass;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.quantize.Calibration;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Whole calibration jobs on the GPU: a random Llama of the shape of 8B from a checkpoint on disk to
 * decisions, beside the plain forward pass of the same samples through the same layers, in turns.
 *
 * <p>Arguments: directory for the checkpoint (made if missing: 436 MB a layer and 1 GB), layers
 * (8), samples (128), tokens of each (2048), presets (FP8_DEFAULT NVFP4_DEFAULT ...).
 */
public final class JobBenchmark {
  private static final int ROUNDS = 2;

  private final PrintStream out = System.out;
  private final HfModel model;
  private final CudaBackend gpu;
  private final List<Tensor> samples;
  private final int tokens;

  private JobBenchmark(HfModel model, CudaBackend gpu, List<Tensor> samples, int tokens) {
    this.model = model;
    this.gpu = gpu;
    this.samples = samples;
    this.tokens = tokens;
  }

  /** Runs the benchmark. */
  public static void main(String[] args) throws IOException {
    Usage.check(args, "DIRECTORY [LAYERS] [SAMPLES] [TOKENS] [PRESET...]");
    int layers = args.length > 1 ? Integer.parseInt(args[1]) : 8;
    int count = args.length > 2 ? Integer.parseInt(args[2]) : 128;
    int tokens = args.length > 3 ? Integer.parseInt(args[3]) : 2048;
    RandomLlama shape = RandomLlama.eightBillion(layers);
    Path directory = Path.of(args[0]);
    if (Files.notExists(directory.resolve("model.safetensors"))) {
      shape.write(directory);
    }
    try (HfModel model = Models.load(directory);
        CudaBackend gpu = (CudaBackend) Backends.open("cuda", BackendOptions.defaults());
        Arena arena = Arena.ofShared()) {
      SplittableRandom random = new SplittableRandom(1);
      List<Tensor> samples = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        int[] ids = random.ints(tokens, 0, shape.vocabulary()).toArray();
        samples.add(Tensor.ofInts(arena, Shape.of(tokens), ids));
      }
      JobBenchmark benchmark = new JobBenchmark(model, gpu, samples, tokens);
      List<Config> presets = new ArrayList<>();
      for (int i = 4; i < args.length; i++) {
        presets.add(Config.preset(args[i]));
      }
      benchmark.run(presets);
    }
  }

  private void run(List<Config> presets) {
    out.println(gpu.description());
    out.println("| job | s | tokens/s | times plain | GPU memory, MiB |");
    out.println("|---|---|---|---|---|");
    double plain = Double.MAX_VALUE;
    for (int round = 0; round < ROUNDS; round++) {
      plain = Math.min(plain, seconds(this::forward));
    }
    print("plain forward", plain, plain);
    for (Config preset : presets) {
      double job = Double.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        job = Math.min(job, seconds(() -> quantize(preset)));
      }
      print(preset.name(), job, plain);
    }
  }

  private void print(String what, double seconds, double plain) {
    double all = (double) samples.size() * tokens;
    out.println(
        String.format(
            Locale.ROOT,
            "| %s | %.2f | %.0f | %.2f | %d |",
            what,
            seconds,
            all / seconds,
            seconds / plain,
            gpu.peakBytes() >> 20));
  }

  private double seconds(Runnable work) {
    gpu.synchronize();
    long start = System.nanoTime();
    work.run();
    gpu.synchronize();
    return (System.nanoTime() - start) * 1e-9;
  }

  /** All layers but the head. */
  private void forward() {
    Pass pass = Pass.plain(gpu, Precision.BFLOAT16);
    int last = model.layers().size() - 2;
    try (Activations activations = Activations.of(model, samples, pass, JobOptions.defaults());
        ParameterLoader loader = new ParameterLoader(model, pass)) {
      for (int i = 0; i <= last; i++) {
        try (LayerParameters parameters = loader.take(i, last)) {
          activations.advance(model.layers().get(i), parameters, pass, () -> {});
        }
      }
    }
  }

  private void quantize(Config preset) {
    SampleSet set = new SampleSet("random", samples, samples.size(), samples.size(), 0);
    new Calibration(model, preset, JobOptions.defaults().withPrecision(Precision.BFLOAT16))
        .run(Optional.of(set), gpu);
  }
}
