package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.JobOptions;
import org.modelopt.models.HfModel;
import org.modelopt.tensor.Tensor;
import picocli.CommandLine.Option;

/** What to calibrate on. */
final class CalibrationArguments {
  @Option(
      names = "--calib",
      paramLabel = "FILE",
      description =
          "Calibration data: JSONL with \"text\" or \"messages\", plain text, or safetensors with"
              + " input_ids. Default: text that comes with this program.")
  private @Nullable Path file;

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
    return file != null || samples != null || maxLength != null;
  }

  List<Tensor> samples(HfModel model) {
    return data(model).read(model.textEncoder()).samples();
  }

  CalibrationData data(HfModel model) {
    CalibrationData data =
        file == null
            ? model
                .bundledCalibrationData()
                .orElseThrow(() -> new DataException("give calibration data: --calib FILE"))
            : CalibrationData.file(file);
    if (samples != null) {
      data = data.samples(samples);
    }
    return maxLength == null ? data : data.maxLength(maxLength);
  }
}
