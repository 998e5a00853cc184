package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.config.Plan;
import org.modelopt.decision.Quantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DataException;
import org.modelopt.job.Pass;
import org.modelopt.model.Model;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Scales;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Rotation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides the ranges of inputs and caches. */
final class ActivationDecider {
  private static final Logger LOG = LoggerFactory.getLogger(ActivationDecider.class);

  private static final float CAST_AMAX = 448; // of E4M3, so that its scale is 1

  private final Model model;
  private final Pass pass;
  private final Calibrator calibrator;

  ActivationDecider(Model model, Pass pass, Calibrator calibrator) {
    this.model = model;
    this.pass = pass;
    this.calibrator = calibrator;
  }

  /**
   * The quantization of an activation.
   *
   * @param what what it is, for messages
   * @param factors what channels are multiplied by after they were seen; ranges then come from
   *     channel maxima
   * @param rotation what happens to them afterwards; a bound of the rotated maximum is taken
   */
  Quantization decide(
      String what,
      QuantSpec spec,
      Optional<Seen> seen,
      Optional<float[]> factors,
      Optional<Rotation> rotation) {
    if (!Plan.isCalibrated(spec)) {
      return Quantization.of(spec, Scales.of(Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), 1f)));
    }
    if (!spec.dynamic() && !(spec.granularity() instanceof Granularity.PerTensor)) {
      throw new IllegalArgumentException(
          what + ": calibrated scales are per tensor; make " + spec + " dynamic");
    }
    Seen known =
        seen.orElseThrow(
            () -> new DataException(what + " was never run by the calibration samples"));
    float amax =
        factors.isPresent() || rotation.isPresent()
            ? ofChannels(known.statistics(), factors, rotation)
            : calibrator.amax(known, spec.format());
    if (!Float.isFinite(amax)) {
      throw new CheckpointException(
          "%s: %s reached %s during calibration; look for NaN or infinite values in the weights before it"
              .formatted(model.name(), what, amax));
    }
    if (amax == 0) {
      LOG.warn(
          "{} was zero for all {} calibration tokens; its scale is 1",
          what,
          known.statistics().rows());
    }
    Tensor maximum = Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), amax);
    return Quantization.of(spec, pass.quantizer(spec).scalesOfAmax(maximum, Arena.ofAuto()));
  }

  /** A quantization that no range was calibrated for. */
  Quantization cast(QuantSpec spec) {
    Tensor maximum = Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), CAST_AMAX);
    return Quantization.of(spec, pass.quantizer(spec).scalesOfAmax(maximum, Arena.ofAuto()));
  }

  private static float ofChannels(
      Statistics statistics, Optional<float[]> factors, Optional<Rotation> rotation) {
    float amax = 0;
    double run = 0; // sum of squares in a run that is rotated: no channel can exceed its root
    int block = rotation.map(Rotation::block).orElse(1);
    for (int c = 0; c < statistics.channels(); c++) {
      int channel = c;
      float most = statistics.channelAmax(c) * factors.map(f -> f[channel]).orElse(1f);
      run = c % block == 0 ? 0 : run;
      run += (double) most * most;
      amax = Math.max(amax, block == 1 ? most : (float) Math.sqrt(run));
    }
    return amax;
  }
}
