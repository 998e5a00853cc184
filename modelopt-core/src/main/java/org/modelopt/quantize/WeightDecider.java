package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;
import org.modelopt.compute.Product;
import org.modelopt.compute.Workers;
import org.modelopt.config.SpecText;
import org.modelopt.decision.Codes;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.job.Pass;
import org.modelopt.job.ScratchFile;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.numeric.Scales;
import org.modelopt.report.LinearReport;
import org.modelopt.statistics.SecondMoment;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;

/**
 * Decides the codes of one weight after another. A weight is worked on some rows at a time; its
 * scales and codes go to a file.
 */
final class WeightDecider {
  private static final int BELOW = 10;
  private static final int ABOVE = 6;
  private static final int CLIP_STEPS = 11; // 1 to 0.5
  private static final float BEYOND = 1.0001f; // more than a scale's own rounding

  /**
   * A decision and what it is like.
   *
   * @param decision the decision
   * @param report figures
   */
  record Decided(WeightDecision decision, LinearReport report) {}

  /**
   * What is known of the inputs, as they are after everything was folded.
   *
   * @param tokens tokens that the linear saw
   * @param moment their second moment, if it was gathered
   * @param device the same in the memory of a device, if computing there is worth it
   * @param feedback what rounds with feedback, if it is asked for
   * @param notes what has to be told
   */
  record Inputs(
      long tokens,
      Optional<SecondMoment> moment,
      Optional<DeviceMoment> device,
      Optional<Gptq> feedback,
      List<String> notes) {}

  /**
   * Where the scales of a weight begin.
   *
   * @param globalScale of the members of an input group that have one in common
   * @param kept scales that keep what a checkpoint stores, and are not to be changed
   */
  record Start(float globalScale, Optional<Scales> kept) {
    static Start ofRule(float globalScale) {
      return new Start(globalScale, Optional.empty());
    }

    static Start keeping(Scales scales) {
      return new Start(scales.globalScale(), Optional.of(scales));
    }
  }

  private final Procedure procedure;
  private final Conversion conversion;
  private final Pass pass;
  private final ScratchFile scratch;
  private final Product product;
  private final Workers workers;
  private final DType dtype;

  /**
   * A decider whose scales and codes go to {@code scratch}.
   *
   * @param dtype the model's type, in which branches are kept
   */
  WeightDecider(
      Procedure procedure, Conversion conversion, Pass pass, ScratchFile scratch, DType dtype) {
    this.dtype = dtype;
    this.procedure = procedure;
    this.conversion = conversion;
    this.pass = pass;
    this.scratch = scratch;
    this.product = Product.on(pass.backend());
    this.workers = pass.backend().workers();
  }

  /** The format by whose rule scales begin. */
  private QuantSpec ruleOf(QuantSpec spec) {
    return procedure.weightScales() instanceof Procedure.WeightScales.FourOverSix
            && spec.scaleFormat() == ScaleFormat.E4M3_WITH_GLOBAL_F32
        ? spec.withScaleRule(ScaleRule.FOUR_OVER_SIX)
        : spec;
  }

  /** The global scale of a weight with largest magnitude {@code amax}. */
  float globalScale(QuantSpec spec, float amax) {
    return pass.quantizer(ruleOf(spec)).with(conversion).globalScale(amax);
  }

  /**
   * The decision for a weight that the rule alone decides, from its global scale and without
   * another look at it; empty where more is asked for.
   */
  Optional<WeightDecision> unseen(
      List<Change> changes, QuantSpec spec, Start start, Optional<QuantSpec> second) {
    return procedure.roundsByRule() && byRule(spec) && start.kept.isEmpty() && second.isEmpty()
        ? Optional.of(
            new WeightDecision(
                changes,
                Optional.of(
                    new WeightQuantization(
                        spec, conversion, new Codes.ByRule(start.globalScale), Optional.empty())),
                Optional.empty()))
        : Optional.empty();
  }

  /**
   * Decides a weight.
   *
   * @param weight with its changes, before a branch is taken out
   * @param changes they are
   * @param start where scales begin
   * @param second format of what the codes stand for, if any
   */
  Decided decide(
      Linear linear,
      Tensor weight,
      List<Change> changes,
      QuantSpec spec,
      Start start,
      Optional<QuantSpec> second,
      Inputs inputs) {
    try (Arena arena = Arena.ofShared()) {
      Optional<LowRankBranch> branch =
          procedure.rank() == 0
              ? Optional.empty()
              : Optional.of(
                  new LowRankApproximation(pass, scratch, dtype)
                      .of(weight, procedure.rank(), arena));
      WeightDecision base = new WeightDecision(List.of(), Optional.empty(), branch);
      Tensor rest = Weights.toQuantize(weight, base, pass, arena);
      Start begin = branch.isEmpty() ? start : Start.ofRule(globalScale(spec, amax(rest, arena)));
      List<String> notes = new ArrayList<>(inputs.notes());
      Choice choice = choose(rest, spec, begin, inputs, notes, arena);
      Optional<Quantizer.RoundTrip> measured =
          choice.given.isEmpty()
              ? Optional.of(
                  pass.quantizer(spec)
                      .with(conversion)
                      .roundTrip(org.modelopt.numeric.Matrix.of(rest), choice.scales, BEYOND))
              : Optional.empty();
      boolean onHost = inputs.moment().isPresent() && inputs.device().isEmpty();
      Optional<QuantizedTensor> codes =
          measured.isEmpty() || second.isPresent() || onHost
              ? Optional.of(codes(rest, spec, choice, arena))
              : Optional.empty();
      Optional<Tensor> values = codes.map(c -> Weights.dequantize(c, pass, arena));
      Quantizer.RoundTrip plain =
          measured.orElseGet(() -> difference(rest, values.orElseThrow(), spec, choice.scales));
      WeightQuantization how =
          new WeightQuantization(
              spec, conversion, choice.codes, values.flatMap(v -> second.map(s -> second(v, s))));
      return new Decided(
          new WeightDecision(changes, Optional.of(how), branch),
          new LinearReport(
              linear.name(),
              SpecText.write(spec),
              inputs.tokens(),
              plain.square() == 0 ? 0 : plain.error() / plain.square(),
              outputError(rest, values, spec, choice.scales, inputs),
              (double) plain.beyond() / Math.max(1, rest.shape().elements()),
              choice.damping,
              notes));
    }
  }

  private float amax(Tensor tensor, Arena arena) {
    QuantSpec whole = QuantSpec.FP8; // any format with one scale
    return pass.quantizer(whole).amax(tensor, arena).getFloat(0);
  }

  private record Choice(
      Codes codes, Optional<QuantizedTensor> given, Scales scales, OptionalDouble damping) {}

  private boolean byRule(QuantSpec spec) {
    return procedure.weightScales() instanceof Procedure.WeightScales.ByRule
        && !(spec.granularity() instanceof Granularity.PerTensor);
  }

  private Choice choose(
      Tensor weight, QuantSpec spec, Start start, Inputs inputs, List<String> notes, Arena arena) {
    if (start.kept.isPresent()) {
      Scales kept = start.kept.get();
      notes.add("keeps the stored values");
      return new Choice(
          new Codes.GivenScales(scratch.put(kept)), Optional.empty(), kept, OptionalDouble.empty());
    }
    float global = start.globalScale;
    Scales base = Scales.allocate(spec, weight.shape(), global, arena);
    pass.quantizer(ruleOf(spec))
        .with(conversion)
        .scales(org.modelopt.numeric.Matrix.of(weight), base);
    Scales scales = searched(weight, spec, base, inputs, notes, arena);
    if (inputs.feedback().isPresent()) {
      Gptq feedback = inputs.feedback().get();
      QuantizedTensor codes = fed(weight, spec, scales, feedback, arena);
      return new Choice(
          new Codes.Given(scratch.put(codes.codes()), scratch.put(scales)),
          Optional.of(codes),
          scales,
          OptionalDouble.of(feedback.damping()));
    }
    Codes codes =
        byRule(spec) ? new Codes.ByRule(global) : new Codes.GivenScales(scratch.put(scales));
    return new Choice(codes, Optional.empty(), scales, OptionalDouble.empty());
  }

  private Scales searched(
      Tensor weight, QuantSpec spec, Scales base, Inputs inputs, List<String> notes, Arena arena) {
    return switch (procedure.weightScales()) {
      case Procedure.WeightScales.ByRule(), Procedure.WeightScales.FourOverSix() -> base;
      case Procedure.WeightScales.Multiples(double start, double stop, int count, boolean by) -> {
        if (ScaleSearch.hasNeighbours(spec.scaleFormat())) {
          yield search(weight, spec, base, weighting(by, inputs, notes), null, arena);
        }
        double[] multiples = ScaleSearch.multiples(start, stop, count);
        yield search(weight, spec, base, weighting(by, inputs, notes), multiples, arena);
      }
      case Procedure.WeightScales.Neighbours(boolean by) -> {
        boolean codes = ScaleSearch.hasNeighbours(spec.scaleFormat());
        if (!codes && (!by || base.zeroPoints().isPresent())) {
          yield base;
        }
        double[] multiples = codes ? null : ScaleSearch.multiples(1, 0.5, CLIP_STEPS);
        yield search(weight, spec, base, weighting(by, inputs, notes), multiples, arena);
      }
    };
  }

  private static Optional<SecondMoment> weighting(
      boolean weighted, Inputs inputs, List<String> notes) {
    if (weighted && inputs.moment().isEmpty()) {
      notes.add("no inputs were seen: scales by plain squared error");
    }
    return weighted ? inputs.moment() : Optional.empty();
  }

  private Scales search(
      Tensor weight,
      QuantSpec spec,
      Scales base,
      Optional<SecondMoment> moment,
      double @Nullable [] multiples,
      Arena arena) {
    Scales chosen =
        new Scales(
            Tensor.allocate(arena, base.values().dtype(), base.values().shape()),
            base.globalScale(),
            base.zeroPoints());
    forPanels(
        weight,
        spec,
        (from, to) -> {
          try (Arena one = Arena.ofShared()) {
            Scales part = base.rows(spec.granularity(), from, to);
            List<Scales> candidates =
                multiples == null
                    ? ScaleSearch.neighbours(part, BELOW, ABOVE, one)
                    : ScaleSearch.multiplied(part, multiples, one);
            Scales best =
                ScaleSearch.best(
                    panel(weight, from, to), spec, candidates, moment, product, workers, one);
            chosen
                .rows(spec.granularity(), from, to)
                .values()
                .segment()
                .copyFrom(best.values().segment());
          }
        });
    return chosen;
  }

  private QuantizedTensor fed(
      Tensor weight, QuantSpec spec, Scales scales, Gptq feedback, Arena arena) {
    Quantizer quantizer = pass.quantizer(spec);
    Tensor codes = Tensor.allocate(arena, spec.codesDType(), spec.codesShape(weight.shape()));
    forPanels(
        weight,
        spec,
        (from, to) -> {
          try (Arena one = Arena.ofShared()) {
            Scales part = scales.rows(spec.granularity(), from, to);
            Matrix rows = panel(weight, from, to);
            Grid grid = Grid.of(spec, part, rows.rows(), rows.columns());
            Tensor rounded = feedback.round(rows, grid).weight().toTensor(one);
            // The values are on the grid, so that these are their codes.
            quantizer.quantize(org.modelopt.numeric.Matrix.of(rounded), part, codes.rows(from, to));
          }
        });
    return new QuantizedTensor(spec, weight.shape(), codes, scales);
  }

  private QuantizedTensor codes(Tensor weight, QuantSpec spec, Choice choice, Arena arena) {
    return choice.given.orElseGet(
        () -> pass.quantizer(spec).with(conversion).quantize(weight, choice.scales, arena));
  }

  private Quantization second(Tensor values, QuantSpec spec) {
    return Quantization.of(spec, pass.quantizer(spec).scales(values, Arena.ofAuto()));
  }

  private interface PanelTask {
    void run(long from, long to);
  }

  /** Rows in panels; all at once where all share a scale. */
  private static void forPanels(Tensor weight, QuantSpec spec, PanelTask task) {
    long rows = weight.shape().dim(0);
    long step =
        spec.granularity() instanceof Granularity.PerTensor
            ? rows
            : RowPanels.rows(weight.shape().columns());
    for (long from = 0; from < rows; from += step) {
      task.run(from, Math.min(rows, from + step));
    }
  }

  private Matrix panel(Tensor weight, long from, long to) {
    return Matrix.copyOf(weight.rows(from, to), workers);
  }

  /** What {@link Quantizer#roundTrip} tells, of values that were not rounded to the nearest. */
  private Quantizer.RoundTrip difference(
      Tensor weight, Tensor values, QuantSpec spec, Scales scales) {
    double[] sums = new double[2];
    long[] beyond = new long[1];
    forPanels(
        weight,
        QuantSpec.INT8_PER_CHANNEL,
        (from, to) -> {
          Matrix w = panel(weight, from, to);
          Matrix q = panel(values, from, to);
          for (int i = 0; i < w.values().length; i++) {
            double d = (double) w.values()[i] - q.values()[i];
            sums[0] += d * d;
            sums[1] += (double) w.values()[i] * w.values()[i];
          }
          if (!(spec.granularity() instanceof Granularity.PerTensor)) {
            Scales part = scales.rows(spec.granularity(), from, to);
            beyond[0] += Grid.of(spec, part, w.rows(), w.columns()).beyond(w, BEYOND);
          }
        });
    return new Quantizer.RoundTrip(sums[0], sums[1], beyond[0]);
  }

  /**
   * {@code tr(D H Dᵀ) / tr(W H Wᵀ)} of the error D and of the weight W itself, if inputs were seen.
   *
   * @param values what the codes stand for; empty to let the device find out from {@code scales}
   */
  private OptionalDouble outputError(
      Tensor weight, Optional<Tensor> values, QuantSpec spec, Scales scales, Inputs inputs) {
    double[] sums = new double[2];
    if (inputs.device().isPresent()) {
      addOutputErrors(inputs.device().get(), weight, values, spec, scales, sums);
    } else if (inputs.moment().isPresent()) {
      addOutputErrors(inputs.moment().get(), weight, values.orElseThrow(), sums);
    }
    return sums[1] > 0 ? OptionalDouble.of(sums[0] / sums[1]) : OptionalDouble.empty();
  }

  private void addOutputErrors(
      DeviceMoment moment,
      Tensor weight,
      Optional<Tensor> values,
      QuantSpec spec,
      Scales scales,
      double[] sums) {
    Quantizer quantizer = pass.quantizer(spec).with(conversion);
    forPanels(
        weight,
        spec,
        (from, to) -> {
          Scales part = scales.rows(spec.granularity(), from, to);
          double[] both =
              moment.errorAndSignal(
                  weight.rows(from, to),
                  (rows, scope) ->
                      values
                          .map(v -> pass.backend().toDevice(v.rows(from, to), DType.F32, scope))
                          .orElseGet(() -> quantizer.fakeQuantize(rows, part, scope)));
          sums[0] += both[0];
          sums[1] += both[1];
        });
  }

  private void addOutputErrors(SecondMoment moment, Tensor weight, Tensor values, double[] sums) {
    forPanels(
        weight,
        QuantSpec.INT8_PER_CHANNEL,
        (from, to) -> {
          Matrix w = panel(weight, from, to);
          Matrix q = panel(values, from, to);
          Matrix zero = Matrix.zeros(w.rows(), w.columns());
          sums[0] += OutputError.of(w, q, moment, product, workers);
          sums[1] += OutputError.of(w, zero, moment, product, workers);
        });
  }
}
