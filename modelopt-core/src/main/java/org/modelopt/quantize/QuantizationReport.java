package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.config.PlanSize;
import org.modelopt.config.SpecNames;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.InputGroup;
import org.modelopt.model.Layer;
import org.modelopt.model.Linear;
import org.modelopt.report.LinearReport;
import org.modelopt.report.Report;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Tensor;

/** Measures what a {@link QuantizedModel} did to its weights, one at a time, for a report. */
public final class QuantizationReport {
  private static final long CHUNK = 1 << 16;
  private static final double OUTLIER = 8;
  private static final Pattern EXPERT = Pattern.compile("(.*)\\.experts\\.(\\d+)\\..*");

  private QuantizationReport() {}

  /**
   * The report on {@code quantized}. Reads and quantizes every weight once more.
   *
   * @param pass where weights are quantized; its precision does not matter
   * @param bytesAfter size of what was written; empty for the plan's
   * @param phases what took how long
   * @param provenance command, versions and the like, by label
   */
  public static Report of(
      QuantizedModel quantized,
      Pass pass,
      Optional<Long> bytesAfter,
      List<Report.Phase> phases,
      Map<String, String> provenance) {
    PlanSize size = PlanSize.of(quantized.model(), quantized.plan());
    List<Report.Experts> experts = experts(quantized);
    return new Report(
        quantized.model().name(),
        quantized.config().name(),
        new Report.Size(
            size.bytesBefore(), bytesAfter.orElse(size.bytesAfter()), effectiveBits(quantized)),
        linears(quantized, pass),
        activations(quantized),
        experts,
        List.of(),
        phases,
        warnings(quantized, experts),
        provenance);
  }

  private static double effectiveBits(QuantizedModel quantized) {
    double bits = 0;
    long elements = 0;
    for (PlannedLinear planned : quantized.plan().quantized().toList()) {
      bits += 8.0 * PlanSize.bytesAfter(quantized.model(), planned);
      elements += planned.linear().elements();
    }
    return elements == 0 ? 0 : bits / elements;
  }

  private static List<Report.Linear> linears(QuantizedModel quantized, Pass pass) {
    Map<String, Long> tokens = new LinkedHashMap<>();
    for (Layer layer : quantized.model().layers()) {
      for (InputGroup group : layer.inputGroups()) {
        long rows =
            Optional.ofNullable(quantized.statistics().get(group.name()))
                .map(Statistics::rows)
                .orElse(0L);
        group.linears().forEach(linear -> tokens.put(linear.name(), rows));
      }
    }
    Map<String, LinearReport> decided = new HashMap<>();
    quantized.reports().forEach(report -> decided.put(report.linear(), report));
    return quantized
        .plan()
        .quantized()
        .map(planned ->
            linear(
                quantized,
                planned,
                Optional.ofNullable(decided.get(planned.linear().name())),
                tokens,
                pass))
        .toList();
  }

  private static Report.Linear linear(
      QuantizedModel quantized,
      PlannedLinear planned,
      Optional<LinearReport> decided,
      Map<String, Long> tokens,
      Pass pass) {
    Linear linear = planned.linear();
    double error;
    try (Arena arena = Arena.ofShared()) {
      Tensor stored = Weights.open(quantized.model(), linear, pass, arena);
      Tensor wanted =
          quantized
              .decisions()
              .weight(linear.name())
              .map(decision -> Weights.toQuantize(stored, decision, pass, arena))
              .orElse(stored);
      Tensor got = Weights.simulated(quantized.form(linear, pass, arena), pass, arena);
      error = relativeError(wanted, got, pass);
    }
    OptionalDouble decibels =
        error > 0 ? OptionalDouble.of(-10 * Math.log10(error)) : OptionalDouble.empty();
    return new Report.Linear(
        linear.name(),
        planned.weight().map(SpecNames::describe).orElse("unchanged"),
        planned.input().map(SpecNames::describe),
        OptionalDouble.of(error),
        decided.map(LinearReport::outputError).orElse(OptionalDouble.empty()),
        decibels,
        decided.map(report -> OptionalDouble.of(report.clipped())).orElse(OptionalDouble.empty()),
        decided.map(LinearReport::damping).orElse(OptionalDouble.empty()),
        tokens.getOrDefault(linear.name(), 0L),
        decided.map(report -> String.join("; ", report.notes())).filter(note -> !note.isEmpty()));
  }

  /** {@code |wanted - got|^2 / |wanted|^2}; 0 for a weight of zeros. Summed in a fixed order. */
  static double relativeError(Tensor wanted, Tensor got, Pass pass) {
    long elements = wanted.shape().elements();
    int chunks = Math.toIntExact(Math.ceilDiv(elements, CHUNK));
    double[] noise = new double[chunks];
    double[] signal = new double[chunks];
    pass.backend()
        .workers()
        .forRange(
            elements,
            CHUNK,
            (from, to) -> {
              double off = 0;
              double all = 0;
              for (long i = from; i < to; i++) {
                double value = wanted.getFloat(i);
                double difference = value - got.getFloat(i);
                off += difference * difference;
                all += value * value;
              }
              int chunk = (int) (from / CHUNK);
              noise[chunk] = off;
              signal[chunk] = all;
            });
    double all = Arrays.stream(signal).sum();
    return all == 0 ? 0 : Arrays.stream(noise).sum() / all;
  }

  private static List<Report.Activation> activations(QuantizedModel quantized) {
    List<Report.Activation> activations = new ArrayList<>();
    quantized
        .statistics()
        .forEach((name, seen) -> {
          float[] channels = seen.summary().amax().clone();
          Arrays.sort(channels);
          double median = channels[channels.length / 2];
          List<Integer> outliers = new ArrayList<>();
          for (int c = 0; c < channels.length; c++) {
            if (median > 0 && seen.channelAmax(c) >= OUTLIER * median) {
              outliers.add(c);
            }
          }
          activations.add(new Report.Activation(name, seen.rows(), seen.amax(), median, outliers));
        });
    return activations;
  }

  private static List<Report.Experts> experts(QuantizedModel quantized) {
    Map<String, List<Long>> byLayer = new LinkedHashMap<>();
    for (Layer layer : quantized.model().layers()) {
      for (InputGroup group : layer.inputGroups()) {
        Matcher expert = EXPERT.matcher(group.linears().getFirst().name());
        if (!expert.matches() || quantized.statistics().isEmpty()) {
          continue;
        }
        List<Long> tokens = byLayer.computeIfAbsent(layer.name(), key -> new ArrayList<>());
        if (tokens.size() == Integer.parseInt(expert.group(2))) {
          tokens.add(
              Optional.ofNullable(quantized.statistics().get(group.name()))
                  .map(Statistics::rows)
                  .orElse(0L));
        }
      }
    }
    return byLayer.entrySet().stream()
        .map(entry -> new Report.Experts(entry.getKey(), entry.getValue()))
        .toList();
  }

  private static List<String> warnings(QuantizedModel quantized, List<Report.Experts> experts) {
    List<String> warnings = new ArrayList<>();
    quantized
        .samples()
        .flatMap(set -> SampleAdvice.on(set.samples().size()))
        .filter(SampleAdvice::few)
        .ifPresent(advice -> warnings.add(advice.text()));
    for (Report.Experts layer : experts) {
      long unseen = layer.tokens().stream().filter(tokens -> tokens == 0).count();
      if (unseen > 0) {
        warnings.add(
            "%s: %d experts saw no token during calibration; use more or other samples."
                .formatted(layer.layer(), unseen));
      }
    }
    return warnings;
  }
}
