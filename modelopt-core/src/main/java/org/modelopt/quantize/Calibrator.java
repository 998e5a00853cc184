package org.modelopt.quantize;

import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.statistics.Histogram;
import org.modelopt.statistics.Seen;

/** Turns what was seen of an activation into the magnitude that its format's range should cover. */
public sealed interface Calibrator {
  /** The largest magnitude seen: nothing saturates, outliers widen every step. */
  record Max() implements Calibrator {}

  /**
   * A percentile of magnitudes, to the width of a histogram's bin.
   *
   * @param percent above 0, at most 100
   */
  record Percentile(double percent) implements Calibrator {}

  /** The range of least information loss, see {@link HistogramCalibration#entropy}. */
  record Entropy() implements Calibrator {}

  /** The range of least squared error, see {@link HistogramCalibration#meanSquaredError}. */
  record MeanSquaredError() implements Calibrator {}

  /** Whether a histogram must have been gathered. */
  default boolean needsHistogram() {
    return !(this instanceof Max);
  }

  /**
   * The magnitude (amax) to cover, per tensor.
   *
   * @return finite and not negative, or NaN or infinity if such values were seen
   */
  default float amax(Seen seen, NumberFormat format) {
    float most = seen.statistics().amax();
    if (this instanceof Max || !Float.isFinite(most) || most == 0) {
      return most;
    }
    Histogram histogram = seen.histogram().orElseThrow();
    return switch (this) {
      case Max() -> most;
      case Percentile(double percent) ->
          (float) HistogramCalibration.percentile(histogram, percent);
      case Entropy() ->
          (float)
              HistogramCalibration.entropy(
                  histogram, format instanceof FloatFormat ? 8 : format.bits());
      case MeanSquaredError() -> (float) HistogramCalibration.meanSquaredError(histogram, format);
    };
  }
}
