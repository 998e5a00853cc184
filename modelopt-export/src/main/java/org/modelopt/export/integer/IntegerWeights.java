package org.modelopt.export.integer;

import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.export.write.ScaleTypes;
import org.modelopt.export.write.SpecTraits;
import org.modelopt.export.write.Subject;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;

/**
 * Weights in integers of one width in groups of one size.
 *
 * @param linears the quantized linears
 * @param decisions scales in F16
 * @param bits width of a code
 * @param group inputs under one scale; -1 for all of them
 * @param symmetric whether all zero points are in the middle
 */
record IntegerWeights(
    List<Linear> linears, Decisions decisions, int bits, int group, boolean symmetric) {
  /** What one linear has. */
  private record Traits(int bits, int group, boolean symmetric) {}

  /**
   * The weights of a model.
   *
   * @param target name for messages
   * @param widths widths that can be stored
   */
  static IntegerWeights of(Subject subject, String target, Set<Integer> widths) {
    SequencedMap<Linear, WeightQuantization> quantized = subject.quantizedLinears();
    quantized.forEach((linear, how) -> {
      subject.requireNothingBeside(target, linear);
      boolean input = SpecTraits.ofInput(subject.input(linear)).isPresent();
      SpecTraits weight = new SpecTraits(how.spec());
      boolean fits = weight.isPerRow() || weight.block().isPresent();
      boolean integers =
          widths.stream().anyMatch(bits -> weight.isSigned(bits) || weight.hasZeroPoints(bits));
      if (input || !fits || !integers || how.second().isPresent()) {
        throw Subject.misfit(target, linear, how, SpecTraits.ofInput(subject.input(linear)));
      }
    });
    Subject.requireSome(quantized.keySet(), subject.model());
    Set<Traits> traits =
        quantized.values().stream().map(how -> traits(how.spec())).collect(Collectors.toSet());
    if (traits.size() > 1) {
      throw new ConfigException(
          target
              + " holds one width and group size for all linears, not "
              + traits.stream().map(Traits::toString).sorted().toList());
    }
    Traits only = traits.iterator().next();
    List<Linear> linears = List.copyOf(quantized.keySet());
    return new IntegerWeights(
        linears,
        ScaleTypes.with(subject.decisions(), linears, ScaleFormat.F16),
        only.bits(),
        only.group(),
        only.symmetric());
  }

  private static Traits traits(QuantSpec spec) {
    return new Traits(
        spec.format().bits(),
        new SpecTraits(spec).block().orElse(-1),
        !spec.scaleRule().hasZeroPoints());
  }

  /** The format of one of the linears. */
  QuantSpec spec(Linear linear) {
    return decisions.weightQuantization(linear.name()).orElseThrow().spec();
  }

  /** Width, sharing and symmetry for people. */
  String title() {
    return "int%d %s%s"
        .formatted(
            bits,
            group < 0 ? "per channel" : "group " + group,
            symmetric ? "" : " with zero points");
  }
}
