package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import org.modelopt.compute.Product;
import org.modelopt.compute.Workers;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedCache;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.job.Pass;
import org.modelopt.job.ScratchFile;
import org.modelopt.job.Weights;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.report.LinearReport;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.statistics.Seen;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Changes;
import org.modelopt.transform.Rotation;

/**
 * Decides one layer by one config: first which factors move between inputs and weights, for all
 * groups, then ranges of inputs and caches, then the codes of one weight after another.
 */
final class Decider {
  private final Model model;
  private final Layer layer;
  private final Pass pass;
  private final Procedure procedure;
  private final WeightDecider weights;
  private final ActivationDecider activations;
  private final boolean measured;
  private final Map<String, PlannedLinear> linears = new HashMap<>();
  private final Map<String, PlannedCache> caches = new HashMap<>();

  /**
   * A decider of one layer.
   *
   * @param measured whether figures of each linear are wanted, for which weights are read once more
   */
  Decider(
      Model model,
      Layer layer,
      Plan plan,
      Config config,
      Pass pass,
      ScratchFile scratch,
      boolean measured) {
    this.measured = measured;
    this.model = model;
    this.layer = layer;
    this.pass = pass;
    this.procedure = Procedure.of(config.algorithm());
    this.weights =
        new WeightDecider(
            procedure, config.weightConversion(), pass, scratch, model.storedPrecision().dtype());
    this.activations = new ActivationDecider(model, pass, procedure.inputs());
    plan.linears().forEach(planned -> linears.put(planned.linear().name(), planned));
    plan.caches().stream()
        .filter(planned -> planned.spec().isPresent())
        .forEach(planned -> caches.put(planned.site().name(), planned));
  }

  /** Whether deciding needs to see anything that goes through the layer. */
  boolean observes() {
    return layer.inputGroups().stream().anyMatch(group -> wanted(group).isPresent())
        || layer.cacheSites().stream().anyMatch(site -> wanted(site).isPresent());
  }

  /** What is needed of the input of {@code group}, if anything. */
  Optional<Seen.Wanted> wanted(InputGroup group) {
    boolean range =
        group.linears().stream()
            .anyMatch(linear -> planned(linear).input().filter(Plan::isCalibrated).isPresent());
    boolean codes = !quantized(group).isEmpty() && procedure.needsInputs();
    if (!range && !codes) {
      return Optional.empty();
    }
    boolean inputs = quantized(group).stream().anyMatch(p -> p.input().isPresent());
    return Optional.of(
        new Seen.Wanted(
            range && procedure.inputs().needsHistogram(),
            codes && procedure.needsSecondMoments(),
            codes && inputs && procedure.scaling() instanceof Procedure.Scaling.Search));
  }

  /** What is needed of what is cached at {@code site}, if anything. */
  Optional<Seen.Wanted> wanted(CacheSite site) {
    PlannedCache planned = caches.get(site.name());
    return planned != null
            && !planned.cast()
            && planned.spec().filter(Plan::isCalibrated).isPresent()
        ? Optional.of(new Seen.Wanted(procedure.inputs().needsHistogram(), false, false))
        : Optional.empty();
  }

  private PlannedLinear planned(Linear linear) {
    return Objects.requireNonNull(linears.get(linear.name()), linear.name());
  }

  private List<PlannedLinear> quantized(InputGroup group) {
    return group.linears().stream()
        .map(this::planned)
        .filter(planned -> planned.weight().isPresent())
        .toList();
  }

  /**
   * What was decided, and what it is like.
   *
   * @param decisions of the layer
   * @param reports one for each quantized linear
   */
  record Decided(Decisions decisions, List<LinearReport> reports) {}

  /** Decides from the layer's weights and what was seen in it. */
  Decided decide(Map<String, Seen> seen) {
    Folding folding =
        new Folding(model, layer, pass, linear -> planned(linear).weight().isPresent());
    for (InputGroup group : layer.inputGroups()) {
      List<PlannedLinear> members = quantized(group);
      Seen inputs = seen.get(group.name());
      if (!members.isEmpty()
          && inputs != null
          && inputs.statistics().rows() > 0
          && folding.hasPlace(group)) {
        new GroupScaling(model, pass, members, inputs, Folding.ties(group), rotation(group))
            .factors(procedure.scaling())
            .ifPresent(factors -> folding.fold(group, factors));
      }
    }
    SequencedMap<String, WeightDecision> weightDecisions = new LinkedHashMap<>();
    SequencedMap<String, InputDecision> inputDecisions = new LinkedHashMap<>();
    List<LinearReport> reports = new ArrayList<>();
    for (InputGroup group : layer.inputGroups()) {
      decideWeights(group, folding, seen, weightDecisions, reports);
      decideInputs(group, folding, seen, inputDecisions);
    }
    SequencedMap<String, Quantization> cacheDecisions = new LinkedHashMap<>();
    for (CacheSite site : layer.cacheSites()) {
      PlannedCache planned = caches.get(site.name());
      if (planned != null) {
        QuantSpec spec = planned.spec().orElseThrow();
        cacheDecisions.put(
            site.name(),
            planned.cast() && Plan.isCalibrated(spec)
                ? activations.cast(spec)
                : activations.decide(
                    "cache of " + site.name(),
                    spec,
                    Optional.ofNullable(seen.get(site.statisticsName())),
                    site.kind() == CacheSite.Kind.VALUE
                        ? folding.outputFactors(site.name())
                        : Optional.empty(),
                    Optional.empty()));
      }
    }
    return new Decided(
        new Decisions(weightDecisions, inputDecisions, cacheDecisions, folding.parameters()),
        reports);
  }

  private Optional<Rotation> rotation(InputGroup group) {
    return procedure.rotation() == 0 || quantized(group).isEmpty()
        ? Optional.empty()
        : Optional.of(Rotation.of(procedure.rotation()));
  }

  private void decideInputs(
      InputGroup group,
      Folding folding,
      Map<String, Seen> seen,
      SequencedMap<String, InputDecision> decisions) {
    Optional<Rotation> rotation = rotation(group);
    Optional<float[]> factors = folding.divisors(group).map(ChannelScaling::reciprocals);
    Map<Optional<QuantSpec>, InputDecision> shared = new HashMap<>();
    for (Linear linear : group.linears()) {
      Optional<QuantSpec> spec = planned(linear).input();
      boolean beside = folding.preScale(group).isPresent() || rotation.isPresent();
      if (spec.isPresent() || beside) {
        decisions.put(
            linear.name(),
            shared.computeIfAbsent(
                spec,
                key ->
                    new InputDecision(
                        folding.preScale(group),
                        rotation,
                        key.map(s ->
                            activations.decide(
                                "input of " + group.name(),
                                s,
                                Optional.ofNullable(seen.get(group.name())),
                                factors,
                                rotation)))));
      }
    }
  }

  private void decideWeights(
      InputGroup group,
      Folding folding,
      Map<String, Seen> seen,
      SequencedMap<String, WeightDecision> decisions,
      List<LinearReport> reports) {
    Optional<Seen> inputs = Optional.ofNullable(seen.get(group.name()));
    List<String> notes = new ArrayList<>();
    inputs.flatMap(Seen::note).ifPresent(notes::add);
    boolean blind = inputs.filter(s -> s.statistics().rows() > 0).isEmpty();
    if (blind && procedure.needsInputs() && !quantized(group).isEmpty()) {
      notes.add("saw no calibration tokens: rounded to the nearest");
    }
    Workers workers = pass.backend().workers();
    Optional<SecondMoment> observed =
        inputs.flatMap(Seen::secondMoment).filter(m -> m.tokens() > 0);
    long tokens = inputs.map(s -> s.statistics().rows()).orElse(0L);
    Optional<float[]> factors = folding.divisors(group).map(ChannelScaling::reciprocals);
    boolean device =
        DeviceMoment.suits(pass) && observed.isPresent() && !quantized(group).isEmpty();
    if (device
        && procedure.feedback().isEmpty()
        && !procedure.weighsScales()
        && rotation(group).isEmpty()) {
      // Only reports want the moment; the host need not have it as the weights see it.
      try (DeviceMoment moment = new DeviceMoment(observed.get(), factors, pass)) {
        WeightDecider.Inputs known =
            new WeightDecider.Inputs(
                tokens, Optional.empty(), Optional.of(moment), Optional.empty(), notes);
        decideWeights(group, folding, known, decisions, reports);
      }
      return;
    }
    try (Closing<SecondMoment> scaled =
            new Closing<>(observed.flatMap(m -> factors.map(by -> m.scaled(by, workers))));
        Closing<SecondMoment> rotated =
            new Closing<>(
                scaled
                    .held()
                    .or(() -> observed)
                    .flatMap(m -> rotation(group).map(r -> m.rotated(r, workers))))) {
      Optional<SecondMoment> moment = rotated.held().or(scaled::held).or(() -> observed);
      try (Closing<Gptq> feedback = new Closing<>(moment.flatMap(m -> feedback(m, notes)));
          Closing<DeviceMoment> copy =
              new Closing<>(moment.filter(m -> device).map(m -> new DeviceMoment(m, pass)))) {
        WeightDecider.Inputs known =
            new WeightDecider.Inputs(tokens, moment, copy.held(), feedback.held(), notes);
        decideWeights(group, folding, known, decisions, reports);
      }
    }
  }

  private void decideWeights(
      InputGroup group,
      Folding folding,
      WeightDecider.Inputs known,
      SequencedMap<String, WeightDecision> decisions,
      List<LinearReport> reports) {
    Optional<WidenedScales> widened = widened(group, folding);
    Map<QuantSpec, Float> largest = new HashMap<>();
    for (PlannedLinear member : quantized(group)) {
      if (widened.isPresent() || !member.weight().orElseThrow().scaleFormat().hasGlobalScale()) {
        continue;
      }
      try (Arena one = Arena.ofShared()) {
        Tensor weight = changed(member.linear(), changes(group, member.linear(), folding), one);
        float amax = pass.quantizer(QuantSpec.FP8).amax(weight, one).getFloat(0);
        largest.merge(member.weight().orElseThrow(), amax, Math::max);
      } catch (CheckpointException e) {
        throw unquantizable(member.linear(), e);
      }
    }
    for (Linear linear : group.linears()) {
      PlannedLinear member = planned(linear);
      List<Change> changes = changes(group, linear, folding);
      if (member.weight().isEmpty()) {
        if (!changes.isEmpty()) {
          decisions.put(
              linear.name(), new WeightDecision(changes, Optional.empty(), Optional.empty()));
        }
        continue;
      }
      QuantSpec spec = member.weight().get();
      try (Arena one = Arena.ofShared()) {
        float amax = largest.getOrDefault(spec, 0f); // of no matter without a global scale
        WeightDecider.Start start =
            widened
                .map(how ->
                    WeightDecider.Start.keeping(
                        how.scales(model.storedCodes(linear, one).orElseThrow(), spec, one)))
                .orElseGet(() -> WeightDecider.Start.ofRule(weights.globalScale(spec, amax)));
        Optional<WeightDecision> unseen =
            measured
                ? Optional.empty()
                : weights.unseen(changes, spec, start, member.dequantizedWeight());
        if (unseen.isPresent()) {
          decisions.put(linear.name(), unseen.get());
          continue;
        }
        WeightDecider.Decided decided =
            weights.decide(
                linear,
                changed(linear, changes, one),
                changes,
                spec,
                start,
                member.dequantizedWeight(),
                known);
        decisions.put(linear.name(), decided.decision());
        reports.add(decided.report());
      } catch (CheckpointException e) {
        throw unquantizable(linear, e);
      }
    }
    shareSecondScales(group, decisions);
  }

  /** How the members keep the values they have in a checkpoint, if that is so and can be. */
  private Optional<WidenedScales> widened(InputGroup group, Folding folding) {
    if (!procedure.roundsByRule()) {
      return Optional.empty();
    }
    try (Arena one = Arena.ofShared()) {
      List<QuantizedTensor> stored = new ArrayList<>();
      for (PlannedLinear member : quantized(group)) {
        Optional<QuantizedTensor> codes =
            changes(group, member.linear(), folding).isEmpty()
                ? model.storedCodes(member.linear(), one)
                : Optional.empty();
        if (codes.isEmpty()
            || !WidenedScales.fits(codes.get().spec(), member.weight().orElseThrow())) {
          return Optional.empty();
        }
        stored.add(codes.get());
      }
      return stored.isEmpty() ? Optional.empty() : WidenedScales.of(stored);
    }
  }

  /** Servers join the members and keep one second scale, the largest. */
  private static void shareSecondScales(
      InputGroup group, SequencedMap<String, WeightDecision> decisions) {
    Optional<Quantization> largest =
        group.linears().stream()
            .map(linear -> Optional.ofNullable(decisions.get(linear.name())))
            .flatMap(Optional::stream)
            .flatMap(decision -> decision.quantization().stream())
            .flatMap(how -> how.second().stream())
            .max(Comparator.comparingDouble(how -> how.scales().values().getFloat(0)));
    for (Linear linear : group.linears()) {
      decisions.computeIfPresent(
          linear.name(),
          (name, decision) ->
              new WeightDecision(
                  decision.changes(),
                  decision
                      .quantization()
                      .map(how ->
                          new WeightQuantization(
                              how.spec(),
                              how.conversion(),
                              how.codes(),
                              how.second().isPresent() ? largest : Optional.empty())),
                  decision.branch()));
    }
  }

  private List<Change> changes(InputGroup group, Linear linear, Folding folding) {
    List<Change> changes = new ArrayList<>(folding.changes(linear));
    rotation(group).ifPresent(rotation -> changes.add(new Change.RotateColumns(rotation)));
    return changes;
  }

  private Tensor changed(Linear linear, List<Change> changes, Arena arena) {
    Tensor weight = Weights.open(model, linear, pass, arena);
    return changes.isEmpty()
        ? weight
        : Changes.apply(changes, weight, pass.backend().workers(), arena);
  }

  private CheckpointException unquantizable(Linear linear, CheckpointException e) {
    return new CheckpointException(
        "%s: %s of %s cannot be quantized: %s"
            .formatted(model.name(), linear.weightName(), linear.name(), e.getMessage()),
        e);
  }

  private Optional<Gptq> feedback(SecondMoment moment, List<String> notes) {
    if (procedure.feedback().isEmpty()) {
      return Optional.empty();
    }
    Procedure.Feedback how = procedure.feedback().get();
    try {
      Gptq gptq =
          Gptq.of(
              moment,
              how.damping(),
              how.order(),
              Product.on(pass.backend()),
              pass.backend().workers());
      if (gptq.damping() != how.damping()) {
        notes.add("damping raised to " + gptq.damping());
      }
      return Optional.of(gptq);
    } catch (ArithmeticException e) {
      notes.add(e.getMessage() + ": rounded to the nearest");
      return Optional.empty();
    }
  }

  /** Closes something that may be there. */
  private record Closing<T extends AutoCloseable>(Optional<T> held) implements AutoCloseable {
    @Override
    public void close() {
      held.ifPresent(resource -> {
        try {
          resource.close();
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      });
    }
  }
}
