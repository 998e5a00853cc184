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
import java.util.Map;
import java.util.stream.IntStream;
import org.modelopt.ModelOpt;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Quantization;
import org.modelopt.job.JobOptions;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** A calibration of the pocket model, also as a program that tests may kill. */
final class PocketJob {
  static final List<Config> CONFIGS =
      List.of(
          Config.FP8_DEFAULT.withKvCache(QuantSpec.FP8),
          Config.FP8_DEFAULT.withName("FEWER").withoutModules("*down_proj"));

  static final int SAMPLES = 12;

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
                    Shape.of(96),
                    IntStream.range(0, 96).map(i -> (i * 7 + s * 13 + seed) % 200).toArray()))
            .toList());
  }

  /** Runs the job and gives all that was decided and seen, bit by bit. */
  static String run(
      Path directory, List<Config> configs, CalibrationData data, JobOptions options) {
    try (Model model = Models.load(directory)) {
      StringBuilder text = new StringBuilder();
      for (QuantizedModel quantized : ModelOpt.quantize(model, configs, data, options)) {
        text.append(quantized.config().name()).append('\n');
        describe(text, quantized.decisions().weights());
        describe(text, quantized.decisions().inputs());
        describe(text, quantized.decisions().caches());
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
  }

  private static void describe(StringBuilder text, Map<String, Quantization> quantizations) {
    quantizations.forEach((name, q) -> {
      byte[] bytes = q.scales().values().segment().toArray(ValueLayout.JAVA_BYTE);
      text.append(name).append(' ').append(q.spec()).append(' ').append(q.conversion());
      text.append(' ').append(Float.toHexString(q.scales().globalScale())).append(' ');
      text.append(HexFormat.of().formatHex(bytes)).append('\n');
    });
  }
}
