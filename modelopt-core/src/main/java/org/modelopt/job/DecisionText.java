package org.modelopt.job;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.config.SpecText;
import org.modelopt.decision.Codes;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.LowRankBranch;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.StoredScales;
import org.modelopt.decision.StoredTensor;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.CheckpointException;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.Scales;
import org.modelopt.report.LinearReport;
import org.modelopt.tensor.Tensor;
import org.modelopt.transform.Change;
import org.modelopt.transform.Rotation;

/**
 * Decisions as lines of text in which tensors have identifiers. Each line is a keyword and its
 * arguments, separated by tabs.
 */
final class DecisionText {
  private static final String NONE = "-";

  private DecisionText() {}

  /** Gives identifiers to tensors while decisions are written. */
  interface Writer {
    String id(StoredTensor tensor);
  }

  /** Gives tensors by their identifiers while decisions are read. */
  interface Reader {
    StoredTensor stored(String id);

    Tensor loaded(String id);
  }

  static String write(WeightDecision decision, Writer tensors) {
    List<String> lines = new ArrayList<>();
    decision.changes().forEach(change -> lines.add(write(change, tensors)));
    decision
        .quantization()
        .ifPresent(how -> {
          lines.add(line("codes", conversion(how.spec(), how.conversion()), codes(how, tensors)));
          how.second().ifPresent(second -> lines.add(quantization("second", second, tensors)));
        });
    decision
        .branch()
        .ifPresent(b -> lines.add(line("branch", tensors.id(b.down()), tensors.id(b.up()))));
    return String.join("\n", lines);
  }

  static String write(InputDecision decision, Writer tensors) {
    List<String> lines = new ArrayList<>();
    decision
        .preScale()
        .ifPresent(factors -> lines.add(line("pre_scale", tensors.id(StoredTensor.of(factors)))));
    decision.rotation().ifPresent(rotation -> lines.add(line("rotation", rotation(rotation))));
    decision
        .quantization()
        .ifPresent(quantization -> lines.add(quantization("quantized", quantization, tensors)));
    return String.join("\n", lines);
  }

  static String write(Quantization quantization, Writer tensors) {
    return quantization("quantized", quantization, tensors);
  }

  static String write(List<Change> changes, Writer tensors) {
    return changes.stream().map(change -> write(change, tensors)).collect(Collectors.joining("\n"));
  }

  private static String write(Change change, Writer tensors) {
    return switch (change) {
      case Change.ScaleColumns(var factors) ->
          line("scale_columns", tensors.id(StoredTensor.of(factors)));
      case Change.ScaleRows(var factors) ->
          line("scale_rows", tensors.id(StoredTensor.of(factors)));
      case Change.ScaleNorm(float offset, var factors) ->
          line("scale_norm", Float.toHexString(offset), tensors.id(StoredTensor.of(factors)));
      case Change.RotateColumns(Rotation rotation) -> line("rotate_columns", rotation(rotation));
      case Change.RotateRows(Rotation rotation) -> line("rotate_rows", rotation(rotation));
    };
  }

  private static String line(String... fields) {
    return String.join("\t", fields);
  }

  private static String rotation(Rotation rotation) {
    return line(Integer.toString(rotation.block()), Boolean.toString(rotation.inverse()));
  }

  private static String quantization(String key, Quantization quantization, Writer tensors) {
    return line(
        key,
        conversion(quantization.spec(), quantization.conversion()),
        scales(StoredScales.of(quantization.scales()), tensors));
  }

  private static String conversion(QuantSpec spec, Conversion conversion) {
    return line(
        SpecText.write(spec),
        conversion.arithmetic().name(),
        conversion.nonFinite().name(),
        conversion.rounding() instanceof Rounding.Stochastic(long seed)
            ? Long.toString(seed)
            : NONE);
  }

  private static String codes(WeightQuantization how, Writer tensors) {
    return switch (how.codes()) {
      case Codes.ByRule(float globalScale) -> line("by_rule", Float.toHexString(globalScale));
      case Codes.GivenScales(StoredScales scales) -> line("scales", scales(scales, tensors));
      case Codes.Given(StoredTensor codes, StoredScales scales) ->
          line("given", scales(scales, tensors), tensors.id(codes));
    };
  }

  private static String scales(StoredScales scales, Writer tensors) {
    return line(
        tensors.id(scales.values()),
        Float.toHexString(scales.globalScale()),
        scales.zeroPoints().map(tensors::id).orElse(NONE));
  }

  static String write(LinearReport report) {
    List<String> lines =
        new ArrayList<>(
            List.of(
                report.linear(),
                report.format(),
                Long.toString(report.tokens()),
                Double.toString(report.weightError()),
                optional(report.outputError()),
                Double.toString(report.clipped()),
                optional(report.damping())));
    lines.addAll(report.notes());
    return String.join("\n", lines);
  }

  private static String optional(OptionalDouble value) {
    return value.isPresent() ? Double.toString(value.getAsDouble()) : NONE;
  }

  static LinearReport report(String text) {
    List<String> lines = text.lines().toList();
    return new LinearReport(
        lines.get(0),
        lines.get(1),
        Long.parseLong(lines.get(2)),
        Double.parseDouble(lines.get(3)),
        optional(lines.get(4)),
        Double.parseDouble(lines.get(5)),
        optional(lines.get(6)),
        lines.subList(7, lines.size()));
  }

  private static OptionalDouble optional(String text) {
    return text.equals(NONE) ? OptionalDouble.empty() : OptionalDouble.of(Double.parseDouble(text));
  }

  static WeightDecision weight(String text, Reader tensors) {
    Optional<WeightQuantization> quantization = Optional.empty();
    Optional<Quantization> second = Optional.empty();
    Optional<LowRankBranch> branch = Optional.empty();
    List<Change> changes = new ArrayList<>();
    for (String[] fields : lines(text).toList()) {
      switch (fields[0]) {
        case "codes" ->
            quantization =
                Optional.of(
                    WeightQuantization.of(
                        spec(fields), conversion(fields), codes(fields, tensors)));
        case "second" -> second = Optional.of(quantization(fields, tensors));
        case "branch" ->
            branch =
                Optional.of(
                    new LowRankBranch(tensors.stored(fields[1]), tensors.stored(fields[2])));
        default -> changes.add(change(fields, tensors));
      }
    }
    Optional<Quantization> again = second;
    return new WeightDecision(
        changes,
        quantization.map(q -> new WeightQuantization(q.spec(), q.conversion(), q.codes(), again)),
        branch);
  }

  static InputDecision input(String text, Reader tensors) {
    InputDecision decision =
        new InputDecision(Optional.empty(), Optional.empty(), Optional.empty());
    for (String[] fields : lines(text).toList()) {
      decision =
          switch (fields[0]) {
            case "pre_scale" ->
                new InputDecision(
                    Optional.of(tensors.loaded(fields[1])),
                    decision.rotation(),
                    decision.quantization());
            case "rotation" ->
                new InputDecision(
                    decision.preScale(), Optional.of(rotation(fields)), decision.quantization());
            case "quantized" ->
                new InputDecision(
                    decision.preScale(),
                    decision.rotation(),
                    Optional.of(quantization(fields, tensors)));
            default -> throw unknown(fields[0]);
          };
    }
    return decision;
  }

  static Quantization quantization(String text, Reader tensors) {
    return quantization(text.split("\t", -1), tensors);
  }

  static List<Change> changes(String text, Reader tensors) {
    return lines(text).map(fields -> change(fields, tensors)).toList();
  }

  private static Stream<String[]> lines(String text) {
    return text.lines().map(line -> line.split("\t", -1));
  }

  private static Change change(String[] fields, Reader tensors) {
    return switch (fields[0]) {
      case "scale_columns" -> new Change.ScaleColumns(tensors.loaded(fields[1]));
      case "scale_rows" -> new Change.ScaleRows(tensors.loaded(fields[1]));
      case "scale_norm" ->
          new Change.ScaleNorm(Float.parseFloat(fields[1]), tensors.loaded(fields[2]));
      case "rotate_columns" -> new Change.RotateColumns(rotation(fields));
      case "rotate_rows" -> new Change.RotateRows(rotation(fields));
      default -> throw unknown(fields[0]);
    };
  }

  private static CheckpointException unknown(String keyword) {
    return new CheckpointException(
        "a journal says \""
            + keyword
            + "\", which this version does not know; start the job again");
  }

  private static Rotation rotation(String[] fields) {
    return new Rotation(Integer.parseInt(fields[1]), Boolean.parseBoolean(fields[2]));
  }

  private static QuantSpec spec(String[] fields) {
    return SpecText.read(fields[1]);
  }

  private static Conversion conversion(String[] fields) {
    return new Conversion(
        Arithmetic.valueOf(fields[2]),
        fields[4].equals(NONE)
            ? Rounding.nearestEven()
            : Rounding.stochastic(Long.parseLong(fields[4])),
        NonFinite.valueOf(fields[3]));
  }

  private static Quantization quantization(String[] fields, Reader tensors) {
    Scales scales =
        new Scales(
            tensors.loaded(fields[5]),
            Float.parseFloat(fields[6]),
            fields[7].equals(NONE) ? Optional.empty() : Optional.of(tensors.loaded(fields[7])));
    return new Quantization(spec(fields), scales, conversion(fields));
  }

  private static Codes codes(String[] fields, Reader tensors) {
    return switch (fields[5]) {
      case "by_rule" -> new Codes.ByRule(Float.parseFloat(fields[6]));
      case "scales" -> new Codes.GivenScales(scales(fields, tensors));
      case "given" -> new Codes.Given(tensors.stored(fields[9]), scales(fields, tensors));
      default -> throw unknown(fields[5]);
    };
  }

  private static StoredScales scales(String[] fields, Reader tensors) {
    return new StoredScales(
        tensors.stored(fields[6]),
        Float.parseFloat(fields[7]),
        fields[8].equals(NONE) ? Optional.empty() : Optional.of(tensors.stored(fields[8])));
  }
}
