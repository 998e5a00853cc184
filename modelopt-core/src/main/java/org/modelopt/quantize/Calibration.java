package org.modelopt.quantize;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.data.SampleSet;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.error.ConfigException;
import org.modelopt.job.Fingerprint;
import org.modelopt.job.JobOptions;
import org.modelopt.job.JobStep;
import org.modelopt.job.Journal;
import org.modelopt.job.Pass;
import org.modelopt.model.Model;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.version.Version;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Observes and decides: samples go through the model once, layer by layer; each layer is decided,
 * for every config, as soon as it was seen, and written to the journal if there is one.
 */
public final class Calibration {
  private static final Logger LOG = LoggerFactory.getLogger(Calibration.class);

  private final Model model;
  private final List<Config> configs;
  private final List<Plan> plans;
  private final JobOptions options;
  private final boolean measured;

  /**
   * Prepares the job; nothing is read yet.
   *
   * @throws org.modelopt.error.ConfigException if {@code config} does not fit {@code model}
   */
  public Calibration(Model model, Config config, JobOptions options) {
    this(model, List.of(config), options);
  }

  /**
   * Prepares a job that decides for several configs from one pass; nothing is read yet.
   *
   * @throws org.modelopt.error.ConfigException if one of {@code configs} does not fit {@code model}
   */
  public Calibration(Model model, List<Config> configs, JobOptions options) {
    this(model, configs, options, true);
  }

  private Calibration(Model model, List<Config> configs, JobOptions options, boolean measured) {
    this.measured = measured;
    if (configs.isEmpty()) {
      throw new IllegalArgumentException("a job needs at least one config");
    }
    QuantizedModel.requireWholeWeights(model);
    this.model = model;
    this.configs = List.copyOf(configs);
    this.plans = plans(model, configs);
    this.options = options;
  }

  /**
   * A job that takes no figures of linears whose formats follow from a rule, and need not read
   * their weights for that.
   */
  public Calibration unmeasured() {
    return new Calibration(model, configs, options, false);
  }

  static List<Plan> plans(Model model, List<Config> configs) {
    return configs.stream().map(config -> Plan.of(model, config)).toList();
  }

  /** Refuses a config that statistics of the unquantized model do not serve. */
  static void requireParallel(Config config) {
    if (isSequential(config)) {
      throw new ConfigException(
          "config %s decides a layer for what the quantized layers before it give, which statistics do not hold; set sequential: false in a recipe, or calibrate on samples"
              .formatted(config.name()));
    }
  }

  /** Whether samples are needed: a format has calibrated scales, or an algorithm wants inputs. */
  public boolean needsSamples() {
    return plans.stream().anyMatch(Plan::needsCalibration)
        || configs.stream().anyMatch(config -> config.algorithm().needsInputs());
  }

  /**
   * Runs the job on {@code backend}.
   *
   * @param samples empty if {@link #needsSamples()} is false
   * @return one model for each config, in their order
   * @throws org.modelopt.error.ModelOptException if the journal is damaged or of another job
   */
  public List<QuantizedModel> run(Optional<SampleSet> samples, Backend backend) {
    return run(samples, Optional.empty(), backend);
  }

  /**
   * Decides from statistics that were gathered before; no sample runs.
   *
   * @return one model for each config, in their order
   * @throws ConfigException if a config cannot be decided from statistics
   * @throws org.modelopt.error.DataException if statistics lack what a config needs
   */
  public List<QuantizedModel> run(StoredStatistics statistics, Backend backend) {
    configs.forEach(Calibration::requireParallel);
    sayWhetherEnough(statistics.source(), statistics.samples());
    return run(Optional.empty(), Optional.of(statistics), backend);
  }

  private List<QuantizedModel> run(
      Optional<SampleSet> samples, Optional<StoredStatistics> stored, Backend backend) {
    if (configs.size() > 1 && configs.stream().anyMatch(Calibration::isSequential)) {
      return runApart(samples, backend);
    }
    Precision precision = options.precisionFor(model);
    Pass pass = Pass.plain(backend, precision);
    samples.ifPresent(set -> sayWhetherEnough(set.source(), set.samples().size()));
    List<Tensor> used =
        needsSamples() ? samples.map(SampleSet::samples).orElse(List.of()) : List.of();
    LayerLoop loop = new LayerLoop(model, configs, plans, options, pass, measured);
    List<JobStep> steps;
    if (options.jobDirectory().isPresent()) {
      SequencedMap<String, String> fingerprint =
          Fingerprint.of(Version.current(), model, configs, used, pass);
      fingerprint.put("experts", options.experts().name());
      stored.ifPresent(statistics -> fingerprint.put("data", statistics.data()));
      try (Journal journal = Journal.open(options.jobDirectory().get(), fingerprint)) {
        steps = loop.run(used, stored, Optional.of(journal));
      }
    } else {
      steps = loop.run(used, stored, Optional.empty());
    }
    Map<String, Statistics> statistics = new LinkedHashMap<>();
    steps.forEach(step -> statistics.putAll(step.statistics()));
    List<QuantizedModel> quantized = new ArrayList<>();
    for (int c = 0; c < configs.size(); c++) {
      int config = c;
      quantized.add(
          new QuantizedModel(
              model,
              configs.get(c),
              plans.get(c),
              joined(steps, c),
              statistics,
              steps.stream().flatMap(step -> step.reports().get(config).stream()).toList(),
              samples,
              precision));
    }
    return quantized;
  }

  private static boolean isSequential(Config config) {
    return Procedure.of(config.algorithm()).sequential();
  }

  /**
   * Configs that decide a layer for what their own quantized layers give cannot share a pass: each
   * is a job of its own, all others are one.
   */
  private List<QuantizedModel> runApart(Optional<SampleSet> samples, Backend backend) {
    List<Config> together = configs.stream().filter(config -> !isSequential(config)).toList();
    Deque<QuantizedModel> shared = new ArrayDeque<>();
    if (!together.isEmpty()) {
      shared.addAll(new Calibration(model, together, inside("shared")).run(samples, backend));
    }
    List<QuantizedModel> quantized = new ArrayList<>();
    for (int c = 0; c < configs.size(); c++) {
      Config config = configs.get(c);
      quantized.add(
          isSequential(config)
              ? new Calibration(model, config, inside("config-" + c))
                  .run(samples, backend)
                  .getFirst()
              : shared.removeFirst());
    }
    return quantized;
  }

  private JobOptions inside(String folder) {
    return options
        .jobDirectory()
        .map(directory -> options.withJobDirectory(directory.resolve(folder)))
        .orElse(options);
  }

  private static void sayWhetherEnough(String source, long count) {
    SampleAdvice.on(count)
        .ifPresent(advice -> {
          if (advice.few()) {
            LOG.warn("{}: {}", source, advice.text());
          } else {
            LOG.info("{}: {}", source, advice.text());
          }
        });
  }

  private static Decisions joined(List<JobStep> steps, int config) {
    SequencedMap<String, WeightDecision> weights = new LinkedHashMap<>();
    SequencedMap<String, InputDecision> inputs = new LinkedHashMap<>();
    SequencedMap<String, Quantization> caches = new LinkedHashMap<>();
    SequencedMap<String, List<Change>> parameters = new LinkedHashMap<>();
    for (JobStep step : steps) {
      Decisions decisions = step.decisions().get(config);
      weights.putAll(decisions.weights());
      inputs.putAll(decisions.inputs());
      caches.putAll(decisions.caches());
      parameters.putAll(decisions.parameters());
    }
    return new Decisions(weights, inputs, caches, parameters);
  }
}
