package org.modelopt.examples.calibrator;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.modelopt.ModelOpt;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.data.CalibrationData;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.export.Exports;
import org.modelopt.job.JobOptions;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.models.HfModel;
import org.modelopt.models.Models;
import org.modelopt.numeric.Quantizers;
import org.modelopt.numeric.Scales;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A calibrator of one's own. Observing is done by the library, deciding is a function from
 * statistics to scales: here a scale covers eight times the median channel's maximum, and what is
 * beyond that is clipped.
 */
public final class TypicalChannels {
  private static final float MULTIPLE = 8;

  private TypicalChannels() {}

  /**
   * Quantizes the checkpoint {@code args[0]}, calibrated on {@code args[1]}, to {@code args[2]}.
   */
  public static void main(String[] args) {
    run(Path.of(args[0]), CalibrationData.jsonl(Path.of(args[1])), Path.of(args[2]));
  }

  static void run(Path checkpoint, CalibrationData data, Path out) {
    try (HfModel model = Models.load(checkpoint)) {
      QuantizedModel usual = ModelOpt.quantize(model, Config.FP8_DEFAULT, data);
      Exports.huggingFace(recalibrated(usual)).to(out);
    }
  }

  /** The same model with scales of inputs by the rule above. */
  static QuantizedModel recalibrated(QuantizedModel quantized) {
    Decisions usual = quantized.decisions();
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>(usual.inputs());
    try (Backend backend = JobOptions.defaults().openBackend()) {
      for (Layer layer : quantized.model().layers()) {
        for (InputGroup group : layer.inputGroups()) {
          Statistics seen = quantized.statistics().get(group.name());
          for (Linear linear : group.linears()) {
            InputDecision decided = inputs.get(linear.name());
            if (seen != null && decided != null && decided.quantization().isPresent()) {
              inputs.put(linear.name(), decide(decided.quantization().get(), seen, backend));
            }
          }
        }
      }
    }
    return new QuantizedModel(
        quantized.model(),
        quantized.config(),
        quantized.plan(),
        new Decisions(usual.weights(), inputs, usual.caches(), usual.parameters()),
        quantized.statistics(),
        quantized.reports(),
        quantized.samples(),
        quantized.precision());
  }

  private static InputDecision decide(Quantization usual, Statistics seen, Backend backend) {
    float[] maxima = new float[seen.channels()];
    for (int channel = 0; channel < maxima.length; channel++) {
      maxima[channel] = seen.channelAmax(channel);
    }
    Arrays.sort(maxima);
    float covered = Math.min(seen.amax(), MULTIPLE * maxima[maxima.length / 2]);
    Tensor amax = Tensor.ofFloats(Arena.ofAuto(), Shape.of(1), new float[] {covered});
    Scales scales = Quantizers.of(usual.spec(), backend).scalesOfAmax(amax, Arena.ofAuto());
    return InputDecision.of(Quantization.of(usual.spec(), scales));
  }
}
