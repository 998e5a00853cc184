package org.modelopt.quantize;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Precision;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.data.SampleSet;
import org.modelopt.job.Activations;
import org.modelopt.job.JobOptions;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.LayerTicks;
import org.modelopt.job.Pass;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.statistics.Statistics;
import org.modelopt.statistics.StatisticsObserver;

/**
 * Observes and decides: samples go through the model once, layer by layer; each layer is decided as
 * soon as it was seen.
 */
public final class Calibration {
  private final Model model;
  private final Config config;
  private final Plan plan;
  private final JobOptions options;

  /**
   * Prepares the job; nothing is read yet.
   *
   * @throws org.modelopt.error.ConfigException if {@code config} does not fit {@code model}
   */
  public Calibration(Model model, Config config, JobOptions options) {
    this.model = model;
    this.config = config;
    this.plan = Plan.of(model, config);
    this.options = options;
  }

  /** Whether samples are needed: a format has calibrated scales of activations. */
  public boolean needsSamples() {
    return plan.needsCalibration();
  }

  /**
   * Runs the job on {@code backend}.
   *
   * @param samples empty if {@link #needsSamples()} is false
   */
  public QuantizedModel run(Optional<SampleSet> samples, Backend backend) {
    Precision precision = options.precisionFor(model);
    Pass pass = Pass.plain(backend, precision);
    Decider decider = new Decider(model, plan, config, pass);
    Map<String, Statistics> statistics = new LinkedHashMap<>();
    if (samples.isPresent() && needsSamples()) {
      observeAndDecide(samples.get(), decider, pass, statistics);
    } else {
      model.layers().forEach(layer -> decider.decide(layer, Map.of()));
    }
    return new QuantizedModel(
        model, config, plan, decider.decisions(), statistics, samples, precision);
  }

  private void observeAndDecide(
      SampleSet samples, Decider decider, Pass pass, Map<String, Statistics> statistics) {
    List<Layer> layers = model.layers();
    int last = lastObserved(layers, decider);
    try (Activations activations = Activations.of(model, samples.samples(), pass, options)) {
      for (int i = 0; i < layers.size(); i++) {
        Layer layer = layers.get(i);
        Map<String, Statistics> seen = Map.of();
        if (i <= last) {
          LayerTicks ticks =
              new LayerTicks(
                  options.progress(),
                  "calibrate",
                  layer.name(),
                  activations.samples(),
                  i,
                  last + 1);
          seen = observe(layer, activations, decider, pass, ticks);
        }
        decider.decide(layer, seen);
        statistics.putAll(seen);
      }
    }
  }

  private Map<String, Statistics> observe(
      Layer layer, Activations activations, Decider decider, Pass pass, Activations.Tick ticks) {
    StatisticsObserver observer = new StatisticsObserver(pass.backend(), wanted(layer, decider));
    Pass observing = pass.observedBy(observer);
    try (LayerParameters parameters = LayerParameters.load(model, layer, observing)) {
      activations.advance(layer, parameters, observing, ticks);
    }
    return observer.statistics();
  }

  private static Predicate<String> wanted(Layer layer, Decider decider) {
    Map<String, Boolean> sites = new LinkedHashMap<>();
    layer.inputGroups().forEach(group -> sites.put(group.name(), decider.observes(group)));
    layer
        .cacheSites()
        .forEach(site -> sites.put(site.statisticsName(), decider.observesCache(site.name())));
    return name -> sites.getOrDefault(name, false);
  }

  private static int lastObserved(List<Layer> layers, Decider decider) {
    int last = layers.size() - 1;
    while (last >= 0 && !decider.observes(layers.get(last))) {
      last--;
    }
    return last;
  }
}
