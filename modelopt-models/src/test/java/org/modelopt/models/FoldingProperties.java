package org.modelopt.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SequencedMap;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.WeightDecision;
import org.modelopt.job.Forward;
import org.modelopt.job.JobOptions;
import org.modelopt.job.Pass;
import org.modelopt.safetensors.SafetensorsFile;
import org.modelopt.safetensors.SafetensorsLayout;
import org.modelopt.safetensors.SafetensorsWriter;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.transform.Change;

/**
 * Factors that are moved between layers change no result: norms into columns, rows of v and up into
 * columns of o and down, with heads that share keys and values, biases and experts. Checkpoints are
 * in F32, so that only sums in another order are between them.
 */
class FoldingProperties {
  private static final List<String> ARCHITECTURES =
      List.of("llama-bias-yarn", "qwen2", "qwen3-moe", "mixtral", "gemma2", "olmo2", "deepseek-v3");
  private static final JobOptions OPTIONS =
      JobOptions.defaults().withThreads(2).withPrecision(Precision.FLOAT32);
  private static final int TOKENS = 24;

  private static Path directory;

  @BeforeContainer
  static void writeCheckpoints() throws IOException {
    directory = Files.createTempDirectory("folding");
    for (String name : ARCHITECTURES) {
      Path model = Files.createDirectory(directory.resolve(name));
      Checkpoints.write(name, model);
      Path file = model.resolve("model.safetensors");
      Path wide = model.resolve("wide.safetensors");
      widen(file, wide);
      Files.move(wide, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      Path config = model.resolve("config.json");
      Files.writeString(config, Files.readString(config).replace("bfloat16", "float32"));
    }
  }

  @AfterContainer
  static void deleteCheckpoints() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  private static void widen(Path from, Path to) {
    SafetensorsFile file = SafetensorsFile.open(from);
    List<TensorInfo> infos =
        file.tensors().stream()
            .map(info -> new TensorInfo(info.name(), DType.F32, info.shape()))
            .toList();
    try (Arena arena = Arena.ofShared();
        SafetensorsWriter writer = SafetensorsWriter.create(to, SafetensorsLayout.of(infos))) {
      for (TensorInfo info : infos) {
        float[] values = file.open(info.name(), arena).toFloats();
        writer.write(info.name(), Tensor.ofFloats(arena, info.shape(), values).segment());
      }
      writer.finish();
    }
  }

  private static Tensor tokens(HfModel model, Random random) {
    int vocabulary =
        (int) model.tensors().find("model.embed_tokens.weight").orElseThrow().shape().dim(0);
    int[] ids = random.ints(TOKENS, 0, vocabulary).toArray();
    return Tensor.ofInts(Arena.ofAuto(), Shape.of(TOKENS), ids);
  }

  @Property(tries = 14)
  void theUnquantizedFunctionStays(
      @ForAll @IntRange(max = 6) int architecture,
      @ForAll @DoubleRange(min = 0.3, max = 0.8) double alpha,
      @ForAll long seed) {
    String name = ARCHITECTURES.get(architecture);
    Random random = new Random(seed);
    try (HfModel model = Models.load(directory.resolve(name))) {
      List<Tensor> samples = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        samples.add(tokens(model, random));
      }
      Config config = Config.INT8_SMOOTHQUANT.withAlgorithm(new Algorithm.SmoothQuant(alpha));
      Decisions decisions =
          ModelOpt.quantize(model, config, CalibrationData.of(samples), OPTIONS).decisions();
      List<Tensor> windows = List.of(tokens(model, random));
      float[] before = logits(model, Decisions.NONE, windows);
      float[] after = logits(model, unquantized(decisions), windows);
      double largest = 0;
      for (float value : before) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int i = 0; i < before.length; i++) {
        assertEquals(before[i], after[i], 1e-4 * largest, name);
      }
      assertTrue(rowsAreScaled(decisions), () -> name + ": no rows take over factors");
    }
  }

  private static boolean rowsAreScaled(Decisions decisions) {
    return decisions.weights().values().stream()
        .flatMap(weight -> weight.changes().stream())
        .anyMatch(Change.ScaleRows.class::isInstance);
  }

  /** The factors alone. */
  private static Decisions unquantized(Decisions decisions) {
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>();
    decisions
        .weights()
        .forEach((name, weight) ->
            weights.put(
                name, new WeightDecision(weight.changes(), Optional.empty(), Optional.empty())));
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    for (Map.Entry<String, InputDecision> input : decisions.inputs().entrySet()) {
      inputs.put(
          input.getKey(),
          new InputDecision(
              input.getValue().preScale(), input.getValue().rotation(), Optional.empty()));
    }
    return new Decisions(weights, inputs, new LinkedHashMap<>(), decisions.parameters());
  }

  private static float[] logits(HfModel model, Decisions decisions, List<Tensor> windows) {
    List<float[]> found = new ArrayList<>();
    try (Backend backend = OPTIONS.withDevice("cpu").openBackend()) {
      Pass pass = Pass.plain(backend, Precision.FLOAT32).simulating(decisions);
      Forward.run(
          "compare",
          model,
          windows,
          pass,
          OPTIONS,
          (window, logits) -> found.add(logits.toFloats()));
    }
    return found.getFirst();
  }
}
