package org.modelopt;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.data.CalibrationData;
import org.modelopt.data.SampleSet;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.JobOptions;
import org.modelopt.mixed.Mix;
import org.modelopt.mixed.Sensitivities;
import org.modelopt.model.Model;
import org.modelopt.quantize.AutoQuantized;
import org.modelopt.quantize.Calibration;
import org.modelopt.quantize.MixedPrecision;
import org.modelopt.quantize.Observation;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.quantize.SensitivityOptions;
import org.modelopt.quantize.StoredStatistics;
import org.modelopt.version.Version;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes models smaller and faster. All methods may be called from any thread. */
public final class ModelOpt {
  private static final Logger LOG = LoggerFactory.getLogger(ModelOpt.class);

  private ModelOpt() {}

  /** Version of this library, for example {@code 0.1.0}. */
  public static String version() {
    return Version.current();
  }

  /**
   * What {@code config} would do to {@code model}, module by module. Runs nothing.
   *
   * @throws org.modelopt.error.ConfigException if the config does not fit the model
   */
  public static Plan plan(Model model, Config config) {
    return Plan.of(model, config);
  }

  /**
   * Quantizes {@code model}, calibrating on the text that comes with the library, if the config
   * needs calibration at all. Data like that of production gives better scales: see {@link
   * #quantize(Model, Config, CalibrationData)}.
   *
   * @throws DataException if calibration is needed and the model brings no data
   */
  public static QuantizedModel quantize(Model model, Config config) {
    Calibration calibration = new Calibration(model, config, JobOptions.defaults());
    Optional<SampleSet> samples = Optional.empty();
    if (calibration.needsSamples()) {
      CalibrationData bundled =
          model
              .bundledCalibrationData()
              .orElseThrow(() ->
                  new DataException(
                      "config %s needs calibration data and %s brings none; pass some"
                          .formatted(config.name(), model.name())));
      LOG.warn(
          "calibrating {} on the text that comes with the library; pass data of your own for scales"
              + " that fit it",
          model.name());
      samples = Optional.of(bundled.read(model.textEncoder()));
    }
    return run(calibration, samples, JobOptions.defaults()).getFirst();
  }

  /**
   * Decides formats that need no data, for an export: weights are not read for figures of what
   * rounding does to them, so that most formats take no time before they are written.
   *
   * @return without reports of linears that a rule decides
   * @throws org.modelopt.error.ConfigException if the config does not fit the model, or needs data
   */
  public static QuantizedModel convert(Model model, Config config, JobOptions options) {
    Calibration calibration = new Calibration(model, config, options).unmeasured();
    if (calibration.needsSamples()) {
      throw new ConfigException(
          "config %s needs calibration data; quantize with some".formatted(config.name()));
    }
    return run(calibration, Optional.empty(), options).getFirst();
  }

  /** Quantizes {@code model}, calibrating on {@code data}. */
  public static QuantizedModel quantize(Model model, Config config, CalibrationData data) {
    return quantize(model, config, data, JobOptions.defaults());
  }

  /**
   * Quantizes {@code model}, calibrating on {@code data}.
   *
   * @param data read only if the config needs calibration
   * @param options where and how to run
   * @throws org.modelopt.error.ConfigException if the config does not fit the model
   * @throws DataException if the data cannot be used
   * @throws org.modelopt.error.CheckpointException if the weights cannot be used
   * @throws org.modelopt.error.DeviceException if the device fails
   */
  public static QuantizedModel quantize(
      Model model, Config config, CalibrationData data, JobOptions options) {
    return quantize(model, List.of(config), data, options).getFirst();
  }

  /**
   * Quantizes {@code model} by each of {@code configs}, from one pass of {@code data} through it.
   *
   * @return one model for each config, in their order
   */
  public static List<QuantizedModel> quantize(
      Model model, List<Config> configs, CalibrationData data) {
    return quantize(model, configs, data, JobOptions.defaults());
  }

  /**
   * Quantizes {@code model} by each of {@code configs}, from one pass of {@code data} through it.
   *
   * @param data read only if one of the configs needs calibration
   * @param options where and how to run
   * @return one model for each config, in their order
   * @throws org.modelopt.error.ModelOptException as {@link #quantize(Model, Config,
   *     CalibrationData, JobOptions)}, or if a job directory holds another or a damaged job
   */
  public static List<QuantizedModel> quantize(
      Model model, List<Config> configs, CalibrationData data, JobOptions options) {
    Calibration calibration = new Calibration(model, configs, options);
    Optional<SampleSet> samples =
        calibration.needsSamples() ? Optional.of(data.read(model.textEncoder())) : Optional.empty();
    return run(calibration, samples, options);
  }

  /**
   * Quantizes {@code model} in mixed precision: each of its linears by one of {@code candidates},
   * or not at all, so that it has {@code effectiveBits} bits per weight at most and loses as little
   * as possible. Linears that servers join, and the experts of a layer, are treated alike.
   *
   * @param candidates configs that share an algorithm; those that only take maxima go with any
   * @param effectiveBits most bits per weight, scales included, over all linears that some
   *     candidate quantizes
   * @param data read once, run through the model twice
   * @throws org.modelopt.error.ConfigException if the candidates do not fit the model or each
   *     other, or no mixture is that small
   */
  public static AutoQuantized autoQuantize(
      Model model, List<Config> candidates, double effectiveBits, CalibrationData data) {
    return autoQuantize(
        model, candidates, effectiveBits, data, SensitivityOptions.DEFAULT, JobOptions.defaults());
  }

  /**
   * As {@link #autoQuantize(Model, List, double, CalibrationData)}.
   *
   * @param sensitivity how losses are measured
   * @param options where and how to run; a job directory keeps the second pass
   */
  public static AutoQuantized autoQuantize(
      Model model,
      List<Config> candidates,
      double effectiveBits,
      CalibrationData data,
      SensitivityOptions sensitivity,
      JobOptions options) {
    MixedPrecision search = new MixedPrecision(model, candidates, sensitivity, options);
    search.unmeasured().solve(effectiveBits); // refuses, before work begins, what cannot be
    SampleSet samples = data.read(model.textEncoder());
    try (Backend backend = options.openBackend()) {
      Sensitivities sensitivities = search.measure(samples, backend);
      Mix mix = sensitivities.solve(effectiveBits);
      Calibration calibration = new Calibration(model, mix.config(), options);
      return new AutoQuantized(
          calibration.run(Optional.of(samples), backend).getFirst(), mix, sensitivities);
    }
  }

  /**
   * Runs {@code data} through {@code model} and writes what {@code configs} need to see of it, to
   * be used by {@link #quantize(Model, List, List, JobOptions)}: by other configs too that need no
   * more, and together with what other processes saw of other samples.
   *
   * @param directory where it appears; must not exist or be empty
   * @throws org.modelopt.error.ConfigException if a config cannot be decided from statistics
   */
  public static void observe(
      Model model, List<Config> configs, CalibrationData data, JobOptions options, Path directory) {
    Observation observation = new Observation(model, configs, options);
    try (Backend backend = options.openBackend()) {
      observation.run(data.read(model.textEncoder()), backend, directory);
    }
  }

  /**
   * Quantizes {@code model} by each of {@code configs} from what {@link #observe} wrote.
   *
   * @param statistics directories, in the order in which they are merged
   * @return one model for each config, in their order
   * @throws DataException if they are of another model or precision, or lack what a config needs
   * @throws org.modelopt.error.ConfigException if a config cannot be decided from statistics
   */
  public static List<QuantizedModel> quantize(
      Model model, List<Config> configs, List<Path> statistics, JobOptions options) {
    Calibration calibration = new Calibration(model, configs, options);
    StoredStatistics stored = StoredStatistics.open(statistics, model, options);
    try (Backend backend = options.openBackend()) {
      return calibration.run(stored, backend);
    }
  }

  private static List<QuantizedModel> run(
      Calibration calibration, Optional<SampleSet> samples, JobOptions options) {
    try (Backend backend = options.openBackend()) {
      return calibration.run(samples, backend);
    }
  }
}
