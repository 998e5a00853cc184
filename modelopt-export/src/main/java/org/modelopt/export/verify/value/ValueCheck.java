package org.modelopt.export.verify.value;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.modelopt.compute.Workers;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.StackedWeight;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.TensorError;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.export.verify.scheme.StackedMxfp4;
import org.modelopt.export.verify.value.WeightScore.Problem;
import org.modelopt.tensor.TensorInfo;

/** Compares all tensors of an export with the original checkpoint. */
public final class ValueCheck {
  private static final Violation NOT_FINITE =
      new Violation(
          "weight with NaN or infinity",
          "every output of the layer becomes NaN",
          "look at its scales and codes; a saturating encoder makes none");
  private static final Violation ERROR =
      new Violation(
          "weight beyond the error of its format",
          "the model computes with other weights",
          "compare scale direction, nibble order, orientation and group order with the format");
  private static final Violation SLOPE =
      new Violation(
          "weight scaled by a constant factor",
          "the layer's output is too large or too small throughout",
          "look at how the scale is computed and rounded");
  private static final Violation OFFSET =
      new Violation(
          "weight shifted by a constant",
          "the layer adds an offset to every output",
          "look at the zero points: some formats store them minus one");
  private static final Violation LOCAL =
      new Violation(
          "part of a weight beyond the error of its format",
          "some channels compute with other weights, which the error of the whole hides",
          "look at the order of rows and groups, and at the last, incomplete ones");
  private static final Violation FOLDED =
      new Violation(
          "factors of rows that the next layer does not take back",
          "some channels come out too large or too small",
          "multiply the rows of v_proj or up_proj, and divide the columns of o_proj or down_proj,"
              + " by the same factors");
  private static final Violation PLAIN =
      new Violation(
          "unquantized tensor differs from the original",
          "the model computes with other values",
          "copy the tensor, or cast it to nearest");
  private static final Violation LOST =
      new Violation(
          "tensor of the original that is not in the export",
          "what it is for is not known here",
          "export it unless the consumer does without it");

  private final ExportView export;
  private final Original original;
  private final TensorComparison comparison;
  private final StackComparison stacks;

  /**
   * Prepares the comparison.
   *
   * @param slack multiplies all error bounds, 1 for the usual ones
   */
  public ValueCheck(ExportView export, Original original, double slack) {
    this.export = export;
    this.original = original;
    this.comparison = new TensorComparison(export, original, slack);
    this.stacks = new StackComparison(export, original, slack);
  }

  /** Compares and reports; the result does not depend on the number of threads. */
  public List<TensorError> run(Workers workers, Findings findings) {
    List<TensorInfo> tensors = new ArrayList<>(original.tensors());
    Outcome[] outcomes = new Outcome[tensors.size()];
    workers.forRange(
        tensors.size(),
        1,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            outcomes[(int) i] = compare(tensors.get((int) i));
          }
        });
    Map<String, Outcome> byName = new LinkedHashMap<>();
    for (int i = 0; i < outcomes.length; i++) {
      byName.put(tensors.get(i).name(), outcomes[i]);
    }
    new RowFolding(export, comparison, byName).run(workers);
    List<TensorError> errors = new ArrayList<>();
    for (int i = 0; i < outcomes.length; i++) {
      TensorInfo info = tensors.get(i);
      report(info, Objects.requireNonNull(byName.get(info.name())), errors, findings);
    }
    return errors;
  }

  private Outcome compare(TensorInfo info) {
    StackedWeight stack = export.quantizedStacks().get(info.name());
    return stack == null ? comparison.compare(info, ChannelFactors.NONE) : stacks.compare(stack);
  }

  /** How the tensor is stored that the original calls {@code name}; empty if unquantized. */
  private Optional<String> label(String name) {
    return export.quantizedStacks().containsKey(name)
        ? Optional.of(StackedMxfp4.LABEL)
        : comparison.module(name).map(export.quantized()::get).map(Scheme::label);
  }

  private void report(
      TensorInfo info, Outcome outcome, List<TensorError> errors, Findings findings) {
    boolean known =
        comparison.module(info.name()).isPresent()
            || export.layout().others().containsKey(info.name())
            || export.layout().stacks().containsKey(info.name());
    if (!known && export.directory().isKnownAbsent(info.name())) {
      findings.note(LOST, Place.tensor(info.name()), "as in the original", "absent");
    }
    Optional<String> quantized = label(info.name());
    String label = quantized.orElse("unquantized");
    if (outcome.score().isPresent()) {
      WeightScore score = outcome.score().get();
      if (quantized.isPresent()) {
        errors.add(
            new TensorError(
                info.name(),
                label,
                score.relative(),
                score.max(),
                score.sqnrDecibel(),
                score.bound()));
      }
      if (score.problem().isPresent()) {
        Problem problem = score.problem().get();
        findings.error(
            violation(problem),
            place(info.name()),
            problem.expected() + " for " + label,
            problem.found());
      }
    }
    outcome
        .difference()
        .ifPresent(difference ->
            findings.error(PLAIN, place(info.name()), "the original's values", difference));
  }

  /** Where the codes are, or the tensor itself. */
  private Place place(String name) {
    String stored =
        export.quantizedStacks().containsKey(name)
            ? name + StackedMxfp4.BLOCKS
            : comparison
                .module(name)
                .map(export.quantized()::get)
                .map(scheme ->
                    name.substring(0, name.length() - "weight".length())
                        + scheme.carrier().suffix())
                .orElse(name);
    return export.directory().find(stored).map(ExportTensor::place).orElse(Place.tensor(name));
  }

  private static Violation violation(Problem problem) {
    return switch (problem.kind()) {
      case NOT_FINITE -> NOT_FINITE;
      case ERROR -> ERROR;
      case SLOPE -> SLOPE;
      case OFFSET -> OFFSET;
      case LOCAL -> LOCAL;
      case FOLDED -> FOLDED;
    };
  }
}
