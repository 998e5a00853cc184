package org.modelopt.quantize;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.data.SampleSet;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.job.Activations;
import org.modelopt.job.Fingerprint;
import org.modelopt.job.JobOptions;
import org.modelopt.job.JobStep;
import org.modelopt.job.Journal;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.LayerTicks;
import org.modelopt.job.Pass;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.statistics.Statistics;
import org.modelopt.statistics.StatisticsObserver;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.version.Version;

/**
 * Observes and decides: samples go through the model once, layer by layer; each layer is decided,
 * for every config, as soon as it was seen, and written to the journal if there is one.
 */
public final class Calibration {
  private final Model model;
  private final List<Config> configs;
  private final List<Plan> plans;
  private final JobOptions options;

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
    if (configs.isEmpty()) {
      throw new IllegalArgumentException("a job needs at least one config");
    }
    this.model = model;
    this.configs = List.copyOf(configs);
    this.plans = configs.stream().map(config -> Plan.of(model, config)).toList();
    this.options = options;
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
    Precision precision = options.precisionFor(model);
    Pass pass = Pass.plain(backend, precision);
    List<Tensor> used =
        needsSamples() ? samples.map(SampleSet::samples).orElse(List.of()) : List.of();
    List<JobStep> steps;
    if (options.jobDirectory().isPresent()) {
      SequencedMap<String, String> fingerprint =
          Fingerprint.of(Version.current(), model, configs, used, pass);
      try (Journal journal = Journal.open(options.jobDirectory().get(), fingerprint)) {
        steps = steps(used, pass, Optional.of(journal));
      }
    } else {
      steps = steps(used, pass, Optional.empty());
    }
    Map<String, Statistics> statistics = new LinkedHashMap<>();
    steps.forEach(step -> statistics.putAll(step.statistics()));
    List<QuantizedModel> quantized = new ArrayList<>();
    for (int c = 0; c < configs.size(); c++) {
      quantized.add(
          new QuantizedModel(
              model,
              configs.get(c),
              plans.get(c),
              joined(steps, c),
              statistics,
              samples,
              precision));
    }
    return quantized;
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

  private List<JobStep> steps(List<Tensor> samples, Pass pass, Optional<Journal> journal) {
    List<Layer> layers = model.layers();
    int last = samples.isEmpty() ? -1 : lastObserved(layers, deciders(pass));
    int done = journal.map(opened -> opened.resume(last)).orElse(0);
    List<JobStep> steps = new ArrayList<>();
    for (int i = 0; i < done; i++) {
      steps.add(journal.orElseThrow().step(i, configs.size()));
    }
    if (done > last) {
      decideRest(layers, done, Optional.empty(), last, pass, journal, steps);
      return steps;
    }
    try (Activations activations =
        done == 0
            ? Activations.of(model, samples, pass, options)
            : journal.orElseThrow().inputs(done, samples.size(), pass, options)) {
      decideRest(layers, done, Optional.of(activations), last, pass, journal, steps);
    }
    return steps;
  }

  private void decideRest(
      List<Layer> layers,
      int first,
      Optional<Activations> activations,
      int last,
      Pass pass,
      Optional<Journal> journal,
      List<JobStep> steps) {
    for (int i = first; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      List<Decider> deciders = deciders(pass);
      Map<String, Statistics> seen = Map.of();
      if (i <= last) {
        Activations inputs = activations.orElseThrow();
        LayerTicks ticks =
            new LayerTicks(
                options.progress(), "calibrate", layer.name(), inputs.samples(), i, last + 1);
        seen = observe(layer, inputs, deciders, pass, ticks);
      }
      Map<String, Statistics> complete = UnseenExperts.complete(layer, seen);
      for (Decider decider : deciders) {
        decider.decide(layer, complete);
      }
      JobStep step = new JobStep(deciders.stream().map(Decider::decisions).toList(), seen);
      int index = i;
      steps.add(
          journal
              .map(j -> j.commit(index, step, index < last ? activations : Optional.empty()))
              .orElse(step));
    }
  }

  /** A layer is decided by deciders of its own, so that what they decided is the layer's step. */
  private List<Decider> deciders(Pass pass) {
    return IntStream.range(0, configs.size())
        .mapToObj(c -> new Decider(model, plans.get(c), configs.get(c), pass))
        .toList();
  }

  private Map<String, Statistics> observe(
      Layer layer,
      Activations activations,
      List<Decider> deciders,
      Pass pass,
      Activations.Tick ticks) {
    try (StatisticsObserver observer =
        new StatisticsObserver(pass.backend(), wanted(layer, deciders))) {
      Pass observing = pass.observedBy(observer);
      try (LayerParameters parameters = LayerParameters.load(model, layer, observing)) {
        activations.advance(layer, parameters, observing, ticks);
      }
      return observer.statistics();
    }
  }

  private static Predicate<String> wanted(Layer layer, List<Decider> deciders) {
    Set<String> sites = new HashSet<>();
    for (Decider decider : deciders) {
      layer.inputGroups().stream()
          .filter(decider::observes)
          .forEach(group -> sites.add(group.name()));
      layer.cacheSites().stream()
          .filter(site -> decider.observesCache(site.name()))
          .forEach(site -> sites.add(site.statisticsName()));
    }
    return sites::contains;
  }

  private static int lastObserved(List<Layer> layers, List<Decider> deciders) {
    int last = layers.size() - 1;
    while (last >= 0 && !observesAny(layers.get(last), deciders)) {
      last--;
    }
    return last;
  }

  private static boolean observesAny(Layer layer, List<Decider> deciders) {
    return deciders.stream().anyMatch(decider -> decider.observes(layer));
  }
}
