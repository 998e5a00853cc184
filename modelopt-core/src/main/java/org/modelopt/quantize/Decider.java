package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BiFunction;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.decision.Codes;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.ConfigException;
import org.modelopt.error.DataException;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.CacheSite;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides the scales of one model, layer by layer, and collects them. */
final class Decider {
  private static final Logger LOG = LoggerFactory.getLogger(Decider.class);

  private final Model model;
  private final Pass pass;
  private final Calibrator calibrator;
  private final Conversion conversion;
  private final Map<String, PlannedLinear> linears = new LinkedHashMap<>();
  private final Map<String, QuantSpec> caches = new LinkedHashMap<>();
  private final SequencedMap<String, WeightDecision> weightDecisions = new LinkedHashMap<>();
  private final SequencedMap<String, InputDecision> inputDecisions = new LinkedHashMap<>();
  private final SequencedMap<String, Quantization> cacheDecisions = new LinkedHashMap<>();

  Decider(Model model, Plan plan, Config config, Pass pass) {
    this.model = model;
    this.pass = pass;
    this.calibrator =
        switch (config.algorithm()) {
          case Algorithm.Max max -> Calibrator.MAX;
          default ->
              throw new ConfigException(
                  "config %s: this build cannot run the algorithm %s; choose max"
                      .formatted(config.name(), config.algorithm()));
        };
    this.conversion = config.weightConversion();
    plan.linears().forEach(planned -> linears.put(planned.linear().name(), planned));
    plan.caches()
        .forEach(
            planned -> planned.spec().ifPresent(spec -> caches.put(planned.site().name(), spec)));
  }

  /** Whether deciding needs to see anything that goes through {@code layer}. */
  boolean observes(Layer layer) {
    return layer.inputGroups().stream().anyMatch(this::observes)
        || layer.cacheSites().stream().anyMatch(site -> observesCache(site.name()));
  }

  boolean observes(InputGroup group) {
    return group.linears().stream()
        .anyMatch(linear -> planned(linear).input().filter(Plan::isCalibrated).isPresent());
  }

  boolean observesCache(String site) {
    QuantSpec spec = caches.get(site);
    return spec != null && Plan.isCalibrated(spec);
  }

  /** Decides for {@code layer} from its weights and what was seen in it. */
  void decide(Layer layer, Map<String, Statistics> seen) {
    for (InputGroup group : layer.inputGroups()) {
      Map<QuantSpec, InputDecision> shared = new LinkedHashMap<>();
      Map<QuantSpec, Float> globalScales = globalScales(group);
      for (Linear linear : group.linears()) {
        PlannedLinear planned = planned(linear);
        planned
            .weight()
            .ifPresent(spec -> decideWeight(linear, spec, globalScales.getOrDefault(spec, 1f)));
        planned
            .input()
            .ifPresent(spec ->
                inputDecisions.put(
                    linear.name(),
                    shared.computeIfAbsent(
                        spec,
                        key ->
                            InputDecision.of(
                                activation("input of " + group.name(), group.name(), key, seen)))));
      }
    }
    for (CacheSite site : layer.cacheSites()) {
      QuantSpec spec = caches.get(site.name());
      if (spec != null) {
        String what = "cache of " + site.name();
        cacheDecisions.put(site.name(), activation(what, site.statisticsName(), spec, seen));
      }
    }
  }

  private PlannedLinear planned(Linear linear) {
    return Objects.requireNonNull(linears.get(linear.name()), linear.name());
  }

  private void decideWeight(Linear linear, QuantSpec spec, float globalScale) {
    Codes codes =
        spec.granularity() instanceof Granularity.PerTensor
            ? withWeight(
                linear,
                (weight, arena) ->
                    new Codes.GivenScales(
                        StoredScales.of(quantizer(spec).scales(weight, Arena.ofAuto()))))
            : new Codes.ByRule(globalScale);
    weightDecisions.put(
        linear.name(), WeightDecision.of(WeightQuantization.of(spec, conversion, codes)));
  }

  /**
   * Factors of all scales, by format: those of linears that servers join must be equal, because
   * nothing is rescaled when they are joined.
   */
  private Map<QuantSpec, Float> globalScales(InputGroup group) {
    Map<QuantSpec, Float> scales = new LinkedHashMap<>();
    for (Linear linear : group.linears()) {
      planned(linear)
          .weight()
          .filter(spec -> spec.scaleFormat().hasGlobalScale())
          .ifPresent(spec ->
              scales.merge(spec, globalScale(linear, spec), (one, other) -> Math.max(one, other)));
    }
    return scales;
  }

  private float globalScale(Linear linear, QuantSpec spec) {
    return withWeight(
        linear,
        (weight, arena) -> {
          float amax = pass.quantizer(QuantSpec.FP8).amax(weight, arena).getFloat(0);
          return quantizer(spec).globalScale(amax);
        });
  }

  private Quantizer quantizer(QuantSpec spec) {
    return pass.quantizer(spec).with(conversion);
  }

  private <T> T withWeight(Linear linear, BiFunction<Tensor, Arena, T> use) {
    try (Arena arena = Arena.ofShared()) {
      return use.apply(Weights.open(model, linear, pass, arena), arena);
    } catch (CheckpointException e) {
      throw new CheckpointException(
          "%s: %s of %s cannot be quantized: %s"
              .formatted(model.name(), linear.weightName(), linear.name(), e.getMessage()),
          e);
    }
  }

  private Quantization activation(
      String what, String site, QuantSpec spec, Map<String, Statistics> seen) {
    if (!Plan.isCalibrated(spec)) {
      return Quantization.of(spec, Scales.of(one()));
    }
    if (!spec.dynamic() && !(spec.granularity() instanceof Granularity.PerTensor)) {
      throw new IllegalArgumentException(
          what + ": calibrated scales are per tensor; make " + spec + " dynamic");
    }
    Statistics statistics =
        Optional.ofNullable(seen.get(site))
            .orElseThrow(
                () -> new DataException(what + " was never run by the calibration samples"));
    float amax = calibrator.amax(statistics);
    if (!Float.isFinite(amax)) {
      throw new CheckpointException(
          "%s: %s reached %s during calibration; look for NaN or infinite values in the weights before it"
              .formatted(model.name(), what, amax));
    }
    if (amax == 0) {
      LOG.warn(
          "{} was zero for all {} calibration tokens; its scale is 1", what, statistics.rows());
    }
    Tensor maximum = Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), amax);
    return Quantization.of(spec, quantizer(spec).scalesOfAmax(maximum, Arena.ofAuto()));
  }

  private static Tensor one() {
    return Tensor.ofFloats(Arena.ofAuto(), Shape.scalar(), 1f);
  }

  /** Everything decided so far. */
  Decisions decisions() {
    return new Decisions(weightDecisions, inputDecisions, cacheDecisions, new LinkedHashMap<>());
  }
}
