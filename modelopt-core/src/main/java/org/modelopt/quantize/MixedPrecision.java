package org.modelopt.quantize;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Backend;
import org.modelopt.compute.Scope;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.data.SampleSet;
import org.modelopt.decision.Decisions;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.Activations;
import org.modelopt.job.ExpertPolicy;
import org.modelopt.job.JobOptions;
import org.modelopt.job.LayerParameters;
import org.modelopt.job.LayerTicks;
import org.modelopt.job.Pass;
import org.modelopt.job.ScratchFile;
import org.modelopt.mixed.Option;
import org.modelopt.mixed.Sensitivities;
import org.modelopt.mixed.Unit;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Model;
import org.modelopt.quantize.SensitivityOptions.Measure;
import org.modelopt.report.LinearReport;
import org.modelopt.statistics.Seen;
import org.modelopt.statistics.StatisticsObserver;
import org.modelopt.tensor.Tensor;

/**
 * Measures how much each unit of a model loses by each of several configs, in one pass of the
 * samples over the layers. A unit is decided as if nothing else were quantized.
 */
public final class MixedPrecision {
  private final Model model;
  private final List<Config> candidates;
  private final SensitivityOptions how;
  private final JobOptions options;
  private final Map<String, Plan> plans = new LinkedHashMap<>();

  /**
   * Prepares the measurement; nothing is read yet.
   *
   * @param candidates at least one; see {@link Sensitivities#agreeing}
   * @throws ConfigException if they do not fit the model or each other
   */
  public MixedPrecision(
      Model model, List<Config> candidates, SensitivityOptions how, JobOptions options) {
    this.model = model;
    this.candidates = Sensitivities.agreeing(candidates);
    this.how = how;
    this.options = options;
    for (Config candidate : this.candidates) {
      if (plans.put(candidate.name(), Plan.of(model, candidate)) != null) {
        throw new ConfigException("two candidates are called " + candidate.name());
      }
    }
  }

  /** Every option of every unit, without scores: what sizes a mixture can have. */
  public Sensitivities unmeasured() {
    return new Sensitivities(
        candidates,
        model.layers().stream().flatMap(layer -> Unit.of(model, layer, plans).stream()).toList());
  }

  /**
   * Runs the samples through the model.
   *
   * @throws DataException if there are no samples
   */
  public Sensitivities measure(SampleSet set, Backend backend) {
    List<Tensor> samples = set.samples();
    if (samples.isEmpty()) {
      throw new DataException(set.source() + ": sensitivities need at least one sample");
    }
    Pass pass = Pass.plain(backend, options.precisionFor(model));
    List<Unit> units = new ArrayList<>();
    try (Activations activations = Activations.of(model, samples, pass, options);
        Predictions predictions =
            how.measure() == Measure.DIVERGENCE
                ? Predictions.of(
                    model,
                    samples.subList(0, Math.min(how.samples(), samples.size())),
                    pass,
                    options)
                : Predictions.none(model, pass, options)) {
      List<Layer> layers = model.layers();
      int last = layers.size() - 1;
      while (last >= 0 && Unit.of(model, layers.get(last), plans).isEmpty()) {
        last--;
      }
      for (int i = 0; i <= last; i++) {
        units.addAll(layer(i, last + 1, set.tokens(), activations, predictions, pass));
        predictions.advance(i);
      }
    }
    return new Sensitivities(candidates, units);
  }

  private List<Unit> layer(
      int index,
      int count,
      long tokens,
      Activations activations,
      Predictions predictions,
      Pass pass) {
    Layer layer = model.layers().get(index);
    List<Unit> units = Unit.of(model, layer, plans);
    Map<String, Seen.Wanted> wanted = wanted(layer, units, pass);
    LayerTicks ticks =
        new LayerTicks(
            options.progress(), "measure", layer.name(), activations.samples(), index, count);
    try (StatisticsObserver observer =
        new StatisticsObserver(pass.backend(), site -> Optional.ofNullable(wanted.get(site)))) {
      Pass observing =
          pass.observedBy(observer).toAllExperts(options.experts() == ExpertPolicy.ALL_TOKENS);
      try (LayerParameters parameters = LayerParameters.load(model, layer, observing)) {
        activations.advance(layer, parameters, observing, ticks);
      }
      try (ExpertSharing sharing =
          ExpertSharing.of(layer, observer.seen(), options.experts(), pass.backend().workers())) {
        List<Unit> scored = new ArrayList<>();
        for (Unit unit : units) {
          List<Double> scores = new ArrayList<>();
          for (Option option : unit.options()) {
            scores.add(score(layer, index, option, sharing.seen(), tokens, predictions, pass));
          }
          scored.add(unit.withScores(scores));
        }
        return scored;
      }
    }
  }

  private Map<String, Seen.Wanted> wanted(Layer layer, List<Unit> units, Pass pass) {
    Map<String, Seen.Wanted> wanted = new HashMap<>();
    try (ScratchFile unused = new ScratchFile(options.spillDirectory())) {
      for (Unit unit : units) {
        for (Option option : unit.options()) {
          if (option.candidate().equals(Option.UNQUANTIZED)) {
            continue;
          }
          Decider decider = decider(layer, option, pass, unused);
          for (InputGroup group : layer.inputGroups()) {
            if (group.linears().stream().anyMatch(l -> unit.names().contains(l.name()))) {
              boolean inputs =
                  option.linears().stream().anyMatch(planned -> planned.input().isPresent());
              Seen.Wanted all =
                  new Seen.Wanted(false, true, inputs)
                      .and(decider.wanted(group).orElse(Seen.Wanted.STATISTICS));
              wanted.merge(group.name(), all, Seen.Wanted::and);
            }
          }
        }
      }
    }
    return wanted;
  }

  /** A decider for whom the option is all that is quantized in the layer. */
  private Decider decider(Layer layer, Option option, Pass pass, ScratchFile scratch) {
    Map<String, PlannedLinear> chosen = new HashMap<>();
    option.linears().forEach(planned -> chosen.put(planned.linear().name(), planned));
    List<PlannedLinear> linears =
        layer.inputGroups().stream()
            .flatMap(group -> group.linears().stream())
            .map(linear -> chosen.getOrDefault(linear.name(), Plan.unquantized(linear)))
            .toList();
    Config candidate =
        candidates.stream()
            .filter(config -> config.name().equals(option.candidate()))
            .findFirst()
            .orElseThrow();
    return new Decider(
        model,
        layer,
        new Plan(linears, List.of()),
        candidate.withAlgorithm(inParallel(candidate.algorithm())),
        pass,
        scratch,
        true);
  }

  /** The algorithm without a run of its own for each layer: all options share what was seen. */
  private static Algorithm inParallel(Algorithm algorithm) {
    return switch (algorithm) {
      case Algorithm.Gptq(double damping, boolean actOrder, _) ->
          new Algorithm.Gptq(damping, actOrder, false);
      case Algorithm.Tuned tuned ->
          new Algorithm.Tuned(
              tuned.alphaStep(),
              tuned.searchScales(),
              tuned.feedback(),
              tuned.damping(),
              false,
              tuned.rotation());
      default -> algorithm;
    };
  }

  private double score(
      Layer layer,
      int index,
      Option option,
      Map<String, Seen> seen,
      long tokens,
      Predictions predictions,
      Pass pass) {
    if (option.candidate().equals(Option.UNQUANTIZED)) {
      return 0;
    }
    try (ScratchFile scratch = new ScratchFile(options.spillDirectory())) {
      Decider.Decided decided = decider(layer, option, pass, scratch).decide(seen);
      return switch (how.measure()) {
        case OUTPUT_ERROR -> outputError(layer, decided, seen, tokens, pass);
        case DIVERGENCE -> predictions.divergence(index, decided.decisions());
      };
    }
  }

  private double outputError(
      Layer layer, Decider.Decided decided, Map<String, Seen> seen, long tokens, Pass pass) {
    Map<String, LinearReport> reports = new HashMap<>();
    decided.reports().forEach(report -> reports.put(report.linear(), report));
    Decisions decisions = decided.decisions();
    double total = 0;
    for (InputGroup group : layer.inputGroups()) {
      Seen inputs = seen.get(group.name());
      for (var linear : group.linears()) {
        LinearReport report = reports.get(linear.name());
        if (report != null && inputs != null) {
          double error = report.outputError().orElse(report.weightError());
          if (inputs.rows().isPresent()) {
            error += InputError.of(model, linear, decisions, inputs.rows().get(), pass);
          }
          total += error * Math.min(1, (double) report.tokens() / tokens);
        }
      }
    }
    return total;
  }

  /** What the model predicts if one unit is quantized, beside what it predicts unquantized. */
  private static final class Predictions implements AutoCloseable {
    private final Model model;
    private final Pass pass;
    private final JobOptions options;
    private final Optional<Activations> inputs; // of the current layer
    private final Optional<Activations> reference; // inputs of the last layer

    private Predictions(
        Model model,
        Pass pass,
        JobOptions options,
        Optional<Activations> inputs,
        Optional<Activations> reference) {
      this.model = model;
      this.pass = pass;
      this.options = options;
      this.inputs = inputs;
      this.reference = reference;
    }

    static Predictions none(Model model, Pass pass, JobOptions options) {
      return new Predictions(model, pass, options, Optional.empty(), Optional.empty());
    }

    static Predictions of(Model model, List<Tensor> samples, Pass pass, JobOptions options) {
      Activations inputs = Activations.of(model, samples, pass, options);
      Activations reference = Activations.of(model, samples, pass, options);
      Predictions predictions =
          new Predictions(model, pass, options, Optional.of(inputs), Optional.of(reference));
      List<Layer> layers = model.layers();
      for (Layer layer : layers.subList(0, layers.size() - 1)) {
        predictions.advance(layer, reference);
      }
      return predictions;
    }

    private void advance(Layer layer, Activations activations) {
      try (LayerParameters parameters = LayerParameters.load(model, layer, pass)) {
        activations.advance(layer, parameters, pass, () -> {});
      }
    }

    /** Goes on to the layer after {@code index}. */
    void advance(int index) {
      if (index < model.layers().size() - 1) {
        inputs.ifPresent(all -> advance(model.layers().get(index), all));
      }
    }

    /** The divergence a token if {@code decisions}, of the current layer, are simulated. */
    double divergence(int index, Decisions decisions) {
      Pass simulating = pass.simulating(decisions);
      List<Layer> layers = model.layers();
      int head = layers.size() - 1;
      Activations quantized = inputs.orElseThrow();
      if (index == head) {
        return divergence(quantized, simulating);
      }
      try (LayerParameters parameters = LayerParameters.load(model, layers.get(index), simulating);
          Activations ahead =
              quantized.advanced(layers.get(index), parameters, simulating, options)) {
        for (Layer layer : layers.subList(index + 1, head)) {
          advance(layer, ahead);
        }
        return divergence(ahead, pass);
      }
    }

    private double divergence(Activations quantized, Pass headPass) {
      Layer head = model.layers().getLast();
      double sum = 0;
      long tokens = 0;
      try (LayerParameters plain = LayerParameters.load(model, head, pass);
          LayerParameters other = LayerParameters.load(model, head, headPass)) {
        for (int i = 0; i < quantized.samples(); i++) {
          try (Scope scope = pass.backend().openScope()) {
            Tensor p = reference.orElseThrow().output(i, head, plain, pass, scope);
            Tensor q = quantized.output(i, head, other, headPass, scope);
            sum +=
                KlDivergence.sum(
                    pass.backend().toHost(p, scope),
                    pass.backend().toHost(q, scope),
                    pass.backend().workers());
            tokens += p.shape().rows();
          }
        }
      }
      return Math.max(0, sum / tokens); // rounding may leave it below
    }

    @Override
    public void close() {
      inputs.ifPresent(Activations::close);
      reference.ifPresent(Activations::close);
    }
  }
}
