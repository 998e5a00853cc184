package org.modelopt.cli;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.modelopt.data.CalibrationData;
import org.modelopt.error.DataException;
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

  /** Whether any of these options was given. */
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
