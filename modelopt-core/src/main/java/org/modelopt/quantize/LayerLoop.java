package org.modelopt.quantize;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.decision.Decisions;
import org.modelopt.error.DataException;
import org.modelopt.job.Activations;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.JobOptions;
import org.modelopt.job.JobStep;
import org.modelopt.job.Journal;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.LayerTicks;
import org.modelopt.job.ParameterLoader;
import org.modelopt.job.Pass;
import org.modelopt.job.ScratchFile;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.Statistics;
import org.modelopt.statistics.StatisticsObserver;
import org.modelopt.tensor.Tensor;

/** Layer after layer: observe, decide for each config, keep. */
final class LayerLoop {
  private final Model model;
  private final List<Config> configs;
  private final List<Plan> plans;
  private final JobOptions options;
  private final boolean measured;
  private final Pass pass;
  private final boolean sequential;
  private final ScratchFile scratch;

  LayerLoop(
      Model model,
      List<Config> configs,
      List<Plan> plans,
      JobOptions options,
      Pass pass,
      boolean measured) {
    this.measured = measured;
    this.model = model;
    this.configs = configs;
    this.plans = plans;
    this.options = options;
    this.pass = pass;
    this.sequential =
        configs.size() == 1 && Procedure.of(configs.getFirst().algorithm()).sequential();
    this.scratch = new ScratchFile(options.spillDirectory());
  }

  /**
   * Runs all layers that are not done.
   *
   * @param samples empty if nothing is to be observed
   * @param stored what was observed before, if it was
   */
  List<JobStep> run(
      List<Tensor> samples, Optional<StoredStatistics> stored, Optional<Journal> journal) {
    List<Layer> layers = model.layers();
    int last = samples.isEmpty() ? -1 : lastObserved(layers);
    int done = journal.map(opened -> opened.resume(last)).orElse(0);
    List<JobStep> steps = new ArrayList<>();
    for (int i = 0; i < done; i++) {
      steps.add(journal.orElseThrow().step(i, configs.size()));
    }
    if (done > last) {
      decideRest(layers, done, Optional.empty(), stored, last, journal, steps);
      return steps;
    }
    try (ParameterLoader loader = new ParameterLoader(model, pass);
        Activations activations =
            done == 0
                ? Activations.of(model, samples, pass, options)
                : journal.orElseThrow().inputs(done, samples.size(), pass, options)) {
      Optional<Running> running = Optional.of(new Running(activations, loader));
      decideRest(layers, done, running, stored, last, journal, steps);
    }
    return steps;
  }

  /** What samples are run with. */
  private record Running(Activations activations, ParameterLoader loader) {}

  private void decideRest(
      List<Layer> layers,
      int first,
      Optional<Running> running,
      Optional<StoredStatistics> stored,
      int last,
      Optional<Journal> journal,
      List<JobStep> steps) {
    for (int i = first; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      JobStep step =
          i <= last ? observed(layer, running.orElseThrow(), i, last) : decided(layer, i, stored);
      int index = i;
      steps.add(
          journal
              .map(j ->
                  j.commit(
                      index,
                      step,
                      index < last ? running.map(Running::activations) : Optional.empty()))
              .orElse(step));
      if (journal.isPresent()) {
        scratch.close(); // what was in it is in the journal now
      }
    }
  }

  private List<Decider> deciders(Layer layer, Pass under) {
    return IntStream.range(0, configs.size())
        .mapToObj(
            c -> new Decider(model, layer, plans.get(c), configs.get(c), under, scratch, measured))
        .toList();
  }

  private JobStep decided(Layer layer, List<Decider> deciders, Map<String, Seen> seen) {
    List<Decider.Decided> decided;
    try (ExpertSharing sharing =
        ExpertSharing.of(layer, seen, options.experts(), pass.backend().workers())) {
      decided = deciders.stream().map(decider -> decider.decide(sharing.seen())).toList();
    }
    Map<String, Statistics> statistics = new LinkedHashMap<>();
    seen.forEach((site, of) -> statistics.put(site, of.statistics()));
    return new JobStep(
        decided.stream().map(Decider.Decided::decisions).toList(),
        decided.stream().map(Decider.Decided::reports).toList(),
        statistics);
  }

  /** Decides a layer from what was observed before, or from its weights alone. */
  private JobStep decided(Layer layer, int index, Optional<StoredStatistics> stored) {
    List<Decider> deciders = deciders(layer, pass);
    if (stored.isEmpty()) {
      return decided(layer, deciders, Map.of());
    }
    Map<String, Seen> seen = stored.get().layer(index, pass.backend().workers());
    try {
      requireAll(layer, wanted(layer, deciders), seen, stored.get());
      return decided(layer, deciders, seen);
    } finally {
      seen.values().forEach(Seen::close);
    }
  }

  /** Experts may have seen nothing; everything else must be there. */
  private void requireAll(
      Layer layer,
      Map<String, Seen.Wanted> wanted,
      Map<String, Seen> seen,
      StoredStatistics stored) {
    Set<String> experts =
        layer.inputGroups().stream()
            .filter(group -> group.linears().getFirst().role().isExpert())
            .map(InputGroup::name)
            .collect(Collectors.toSet());
    wanted.forEach((site, what) -> {
      Seen found = seen.get(site);
      List<String> lacking =
          found != null
              ? found.lacks(what)
              : experts.contains(site) ? List.of() : List.of("statistics");
      if (!lacking.isEmpty()) {
        throw new DataException(
            "%s: has no %s of %s, which %s needs; gather them again for this config"
                .formatted(
                    stored.source(),
                    String.join(" and no ", lacking),
                    site,
                    configs.stream().map(Config::name).collect(Collectors.joining(", "))));
      }
    });
  }

  /** Runs a layer on all samples, decides it, and leaves the next layer's inputs. */
  private JobStep observed(Layer layer, Running running, int index, int last) {
    Activations activations = running.activations();
    Map<String, Seen.Wanted> wanted = wanted(layer, deciders(layer, pass));
    LayerTicks ticks =
        new LayerTicks(
            options.progress(), "calibrate", layer.name(), activations.samples(), index, last + 1);
    try (StatisticsObserver observer =
        new StatisticsObserver(pass.backend(), site -> Optional.ofNullable(wanted.get(site)))) {
      Pass observing =
          pass.observedBy(observer).toAllExperts(options.experts() == ExpertPolicy.ALL_TOKENS);
      JobStep step;
      try (LayerParameters parameters = running.loader().take(index, last)) {
        if (sequential) {
          activations.drain(layer, parameters, observing, (sample, result) -> {}, ticks);
        } else {
          activations.advance(layer, parameters, observing, ticks);
        }
        step = decided(layer, deciders(layer, pass.with(parameters)), observer.seen());
      }
      if (sequential && index < last) {
        advance(layer, activations, step.decisions().getFirst());
      }
      return step;
    }
  }

  /** What the quantized layer gives is what the next layer is decided for. */
  private void advance(Layer layer, Activations activations, Decisions decisions) {
    Pass simulating = pass.simulating(decisions);
    try (LayerParameters parameters = LayerParameters.load(model, layer, simulating)) {
      activations.advance(layer, parameters, simulating, () -> {});
    }
  }

  /** What deciding {@code layer} needs to see, by site. */
  Map<String, Seen.Wanted> wanted(Layer layer) {
    return wanted(layer, deciders(layer, pass));
  }

  private static Map<String, Seen.Wanted> wanted(Layer layer, List<Decider> deciders) {
    Map<String, Seen.Wanted> wanted = new HashMap<>();
    for (Decider decider : deciders) {
      for (InputGroup group : layer.inputGroups()) {
        decider.wanted(group).ifPresent(more -> wanted.merge(group.name(), more, Seen.Wanted::and));
      }
      for (CacheSite site : layer.cacheSites()) {
        decider
            .wanted(site)
            .ifPresent(more -> wanted.merge(site.statisticsName(), more, Seen.Wanted::and));
      }
    }
    return wanted;
  }

  /** The last layer of which something needs to be seen, or -1. */
  int lastObserved(List<Layer> layers) {
    int last = layers.size() - 1;
    while (last >= 0 && deciders(layers.get(last), pass).stream().noneMatch(Decider::observes)) {
      last--;
    }
    return last;
  }
}
