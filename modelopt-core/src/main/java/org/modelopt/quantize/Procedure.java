package org.modelopt.quantize;

import java.util.Optional;
import org.modelopt.config.Algorithm;

/**
 * The steps that an algorithm consists of; all algorithms are combinations of these.
 *
 * @param scaling how magnitude is moved between input channels and weight columns
 * @param weightScales how scales of weights are chosen
 * @param feedback how weights are rounded, if not to the nearest
 * @param rank columns of a branch of low rank; 0 for none
 * @param rotation channels that are rotated together at run time; 0 for none
 * @param inputs how ranges of inputs follow from what was seen
 */
record Procedure(
    Scaling scaling,
    WeightScales weightScales,
    Optional<Feedback> feedback,
    int rank,
    int rotation,
    Calibrator inputs) {
  /** How magnitude is moved between input channels and weight columns. */
  sealed interface Scaling {
    /** Not at all. */
    record None() implements Scaling {}

    /** By SmoothQuant's formula. */
    record Smooth(double alpha) implements Scaling {}

    /**
     * By the best of AWQ's exponents and, if {@code smooth}, of SmoothQuant's.
     *
     * @param step distance of exponents
     */
    record Search(double step, boolean smooth) implements Scaling {}
  }

  /** How scales of weights are chosen. */
  sealed interface WeightScales {
    /** By the format's rule from amax. */
    record ByRule() implements WeightScales {}

    /**
     * The multiple of the rule's scales with the least error.
     *
     * @param weighted whether errors count by the inputs' second moments
     */
    record Multiples(double start, double stop, int count, boolean weighted)
        implements WeightScales {}

    /**
     * The best of the neighbouring codes of the rule's scales, where scales are codes; elsewhere
     * multiples of 0.5 to 1.
     *
     * @param weighted as above
     */
    record Neighbours(boolean weighted) implements WeightScales {}

    /** Blocks scaled to a largest code of 6 or 4. */
    record FourOverSix() implements WeightScales {}
  }

  /**
   * Rounding with error feedback.
   *
   * @param damping share of the mean diagonal added to the second moments
   * @param sequential whether layers are decided for what quantized layers before them give
   */
  record Feedback(double damping, Gptq.Order order, boolean sequential) {}

  private static Procedure of(Scaling scaling, WeightScales scales) {
    return new Procedure(scaling, scales, Optional.empty(), 0, 0, new Calibrator.Max());
  }

  private static Procedure ofInputs(Calibrator inputs) {
    return new Procedure(
        new Scaling.None(), new WeightScales.ByRule(), Optional.empty(), 0, 0, inputs);
  }

  static Procedure of(Algorithm algorithm) {
    Scaling none = new Scaling.None();
    WeightScales rule = new WeightScales.ByRule();
    return switch (algorithm) {
      case Algorithm.Max() -> of(none, rule);
      case Algorithm.Percentile(double percent) -> ofInputs(new Calibrator.Percentile(percent));
      case Algorithm.Entropy() -> ofInputs(new Calibrator.Entropy());
      case Algorithm.HistogramMse() -> ofInputs(new Calibrator.MeanSquaredError());
      case Algorithm.Mse(double start, double stop, double step) ->
          of(none, new WeightScales.Multiples(start, stop, count(start, stop, step), false));
      case Algorithm.ScaleSweep() -> of(none, new WeightScales.Neighbours(false));
      case Algorithm.FourOverSix() -> of(none, new WeightScales.FourOverSix());
      case Algorithm.LocalHessian() -> of(none, new WeightScales.Neighbours(true));
      case Algorithm.SmoothQuant(double alpha) -> of(new Scaling.Smooth(alpha), rule);
      case Algorithm.AwqLite(double step) -> of(new Scaling.Search(step, false), rule);
      case Algorithm.AwqClip(double least, double step) -> of(none, clip(least, step));
      case Algorithm.AwqFull(double alphaStep, double least, double shrinkStep) ->
          of(new Scaling.Search(alphaStep, false), clip(least, shrinkStep));
      case Algorithm.SvdQuant(int rank) ->
          new Procedure(
              new Scaling.Search(0.1, false),
              rule,
              Optional.empty(),
              rank,
              0,
              new Calibrator.Max());
      case Algorithm.Gptq(double damping, boolean actOrder, boolean sequential) ->
          new Procedure(
              none,
              rule,
              Optional.of(
                  new Feedback(
                      damping, actOrder ? Gptq.Order.BY_MOMENT : Gptq.Order.NATURAL, sequential)),
              0,
              0,
              new Calibrator.Max());
      case Algorithm.Tuned tuned ->
          new Procedure(
              tuned.alphaStep() == 0 ? none : new Scaling.Search(tuned.alphaStep(), true),
              tuned.searchScales() ? new WeightScales.Neighbours(true) : rule,
              tuned.feedback()
                  ? Optional.of(
                      new Feedback(tuned.damping(), Gptq.Order.BY_MOMENT, tuned.sequential()))
                  : Optional.empty(),
              0,
              tuned.rotation(),
              new Calibrator.Max());
    };
  }

  private static WeightScales clip(double least, double step) {
    return new WeightScales.Multiples(least, 1, count(least, 1, step), true);
  }

  private static int count(double start, double stop, double step) {
    return (int) Math.ceil((stop - start) / step - 1e-9) + 1;
  }

  /** Whether layers are decided for what quantized layers before them give. */
  boolean sequential() {
    return feedback.filter(Feedback::sequential).isPresent();
  }

  /** Whether second moments of inputs are needed. */
  boolean needsSecondMoments() {
    return feedback.isPresent() || scaling instanceof Scaling.Search || weighsScales();
  }

  /** Whether scales of weights are chosen by the second moment. */
  boolean weighsScales() {
    return switch (weightScales) {
      case WeightScales.Multiples multiples -> multiples.weighted();
      case WeightScales.Neighbours neighbours -> neighbours.weighted();
      case WeightScales.ByRule(), WeightScales.FourOverSix() -> false;
    };
  }

  /** Whether scales of weights are the rule's and codes the nearest. */
  boolean roundsByRule() {
    return weightScales instanceof WeightScales.ByRule
        && feedback.isEmpty()
        && rank == 0
        && rotation == 0;
  }

  /** Whether anything about inputs is needed to decide weights. */
  boolean needsInputs() {
    return needsSecondMoments() || !(scaling instanceof Scaling.None);
  }
}
