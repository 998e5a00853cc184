package org.modelopt.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.tensor.Tensor;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** What to calibrate on. */
final class CalibrationArguments {
  /** A file and its share of the samples. */
  static final class Source {
    @Option(
        names = "--calib",
        paramLabel = "FILE",
        required = true,
        description =
            "Calibration data: JSONL with \"text\" or \"messages\", plain text, or safetensors with"
                + " input_ids. May be repeated: samples are then taken from each. Default: text"
                + " that comes with this program.")
    private Path file = Path.of("");

    @Option(
        names = "--calib-weight",
        paramLabel = "W",
        description =
            "Share of the samples that the --calib before it gives, relative to the others."
                + " Default: 1.")
    private double weight = 1;
  }

  @ArgGroup(exclusive = false, multiplicity = "0..*")
  private List<Source> sources = new ArrayList<>();

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Samples to use. Default: 512; all rows of a safetensors file.")
  private @Nullable Integer samples;

  @Option(
      names = "--max-length",
      paramLabel = "L",
      description =
          "Tokens per sample at most. Default: 512; rows of a safetensors file stay whole.")
  private @Nullable Integer maxLength;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "Draw the samples from the whole of the data instead of taking the first; the same number"
              + " draws the same ones.")
  private @Nullable Long seed;

  @Option(
      names = "--packed",
      description = "Join texts, and cut them into samples of exactly --max-length tokens.")
  private boolean packed;

  @Option(
      names = "--experts",
      paramLabel = "share|refuse|all-tokens",
      defaultValue = "share",
      description =
          "For experts that see too few tokens: share what all experts of the layer saw, refuse the"
              + " job, or show all tokens to all experts while calibrating. Default:"
              + " ${DEFAULT-VALUE}.")
  private String experts = "share";

  JobOptions addTo(JobOptions options) {
    return options.withExperts(
        switch (experts.toLowerCase(Locale.ROOT)) {
          case "share" -> ExpertPolicy.SHARE;
          case "refuse" -> ExpertPolicy.REFUSE;
          case "all-tokens" -> ExpertPolicy.ALL_TOKENS;
          default ->
              throw new ConfigException(
                  "--experts is share, refuse or all-tokens, not \"" + experts + "\"");
        });
  }

  /** Whether it was said which samples to take. */
  boolean isGiven() {
    return !sources.isEmpty() || samples != null || maxLength != null || seed != null || packed;
  }

  List<Tensor> samples(HfModel model) {
    return data(model).read(model.textEncoder()).samples();
  }

  CalibrationData data(HfModel model) {
    CalibrationData data = source(model);
    if (samples != null) {
      data = data.samples(samples);
    }
    if (maxLength != null) {
      data = data.maxLength(maxLength);
    }
    if (seed != null) {
      data = data.sampled(seed);
    }
    return packed ? data.packed() : data;
  }

  private CalibrationData source(HfModel model) {
    if (sources.isEmpty()) {
      return model
          .bundledCalibrationData()
          .orElseThrow(() -> new DataException("give calibration data: --calib FILE"));
    }
    if (sources.size() == 1) {
      return CalibrationData.file(sources.getFirst().file);
    }
    SequencedMap<CalibrationData, Double> weights = new LinkedHashMap<>();
    for (Source source : sources) {
      if (!(source.weight > 0) || source.weight == Double.POSITIVE_INFINITY) {
        throw new ConfigException(
            "--calib-weight of %s must be a positive number, not %s"
                .formatted(source.file, source.weight));
      }
      weights.put(CalibrationData.file(source.file), source.weight);
    }
    return CalibrationData.mix(weights);
  }
}
