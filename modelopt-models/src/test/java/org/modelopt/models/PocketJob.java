package org.modelopt.models;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.job.JobOptions;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;

/** A calibration of the pocket model, also as a program that tests may kill. */
final class PocketJob {
  static final List<Config> CONFIGS =
      List.of(
          Config.FP8_DEFAULT.withKvCache(QuantSpec.FP8),
          Config.FP8_DEFAULT.withName("FEWER").withoutModules("*down_proj"));

  static final int SAMPLES = 6;

  private static final int TOKENS = 64;

  private PocketJob() {}

  /** Arguments: the model's directory, the job directory, a file that grows a byte per sample. */
  public static void main(String[] args) throws IOException {
    try (OutputStream ticks = Files.newOutputStream(Path.of(args[2]))) {
      JobOptions options =
          JobOptions.defaults()
              .withThreads(1)
              .withJobDirectory(Path.of(args[1]))
              .withProgress(progress -> tick(ticks));
      run(Path.of(args[0]), CONFIGS, samples(SAMPLES, 0), options);
    }
  }

  private static void tick(OutputStream ticks) {
    try {
      ticks.write(1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static CalibrationData samples(int count, int seed) {
    return CalibrationData.of(
        IntStream.range(0, count)
            .mapToObj(s ->
                Tensor.ofInts(
                    Arena.ofAuto(),
                    Shape.of(TOKENS),
                    IntStream.range(0, TOKENS).map(i -> (i * 7 + s * 13 + seed) % 200).toArray()))
            .toList());
  }

  /** Runs the job and gives all that was decided and seen, bit by bit. */
  static String run(
      Path directory, List<Config> configs, CalibrationData data, JobOptions options) {
    return run(directory, model -> ModelOpt.quantize(model, configs, data, options));
  }

  /** As above, of any job. */
  static String run(Path directory, Function<Model, List<QuantizedModel>> job) {
    try (Model model = Models.load(directory)) {
      return text(job.apply(model));
    }
  }

  /** All that was decided and seen, bit by bit. */
  static String text(List<QuantizedModel> models) {
    StringBuilder text = new StringBuilder();
    for (QuantizedModel quantized : models) {
      text.append(quantized.config().name()).append('\n');
      Decisions decisions = quantized.decisions();
      decisions.weights().forEach((name, weight) -> describe(text, name, weight));
      decisions
          .inputs()
          .forEach((name, input) -> input.quantization().ifPresent(q -> describe(text, name, q)));
      decisions.caches().forEach((name, cache) -> describe(text, name, cache));
      quantized
          .statistics()
          .forEach((site, seen) ->
              text.append(site)
                  .append(' ')
                  .append(seen.rows())
                  .append(' ')
                  .append(Float.toHexString(seen.amax()))
                  .append(' ')
                  .append(Double.toHexString(seen.meanAbsolute(0)))
                  .append('\n'));
    }
    return text.toString();
  }

  private static void describe(StringBuilder text, String name, WeightDecision weight) {
    text.append(name).append(' ');
    for (Change change : weight.changes()) {
      switch (change) {
        case Change.ScaleColumns(Tensor factors) -> text.append("columns ").append(bytes(factors));
        case Change.ScaleRows(Tensor factors) -> text.append("rows ").append(bytes(factors));
        default -> text.append(change);
      }
    }
    WeightQuantization how = weight.quantization().orElseThrow();
    text.append(how.spec()).append(' ').append(how.conversion()).append(' ');
    try (Arena arena = Arena.ofShared()) {
      switch (how.codes()) {
        case Codes.ByRule(float globalScale) -> text.append(Float.toHexString(globalScale));
        case Codes.GivenScales(StoredScales scales) ->
            text.append(bytes(scales.open(arena).values()));
        case Codes.Given(StoredTensor codes, StoredScales scales) ->
            text.append(bytes(codes.open(arena))).append(bytes(scales.open(arena).values()));
      }
    }
    text.append('\n');
  }

  private static void describe(StringBuilder text, String name, Quantization q) {
    text.append(name).append(' ').append(q.spec()).append(' ').append(q.conversion());
    text.append(' ').append(Float.toHexString(q.scales().globalScale())).append(' ');
    text.append(bytes(q.scales().values())).append('\n');
  }

  private static String bytes(Tensor tensor) {
    return HexFormat.of().formatHex(tensor.segment().toArray(ValueLayout.JAVA_BYTE));
  }
}
