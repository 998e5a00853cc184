package org.modelopt.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a job did to a model. Field names in {@code report.json} are those here, in lower case with
 * underscores; what was not measured is absent.
 *
 * @param model name of the model
 * @param config name of the config
 * @param size bytes before and after
 * @param linears every linear with a format, in order of execution
 * @param activations every input that calibration observed, in order of execution
 * @param experts tokens that each expert of a layer saw
 * @param evaluations measurements before and after
 * @param phases what took how long
 * @param warnings what the reader should know, as sentences
 * @param provenance command, versions, data, by label
 */
public record Report(
    String model,
    String config,
    Size size,
    List<Linear> linears,
    List<Activation> activations,
    List<Experts> experts,
    List<Evaluation> evaluations,
    List<Phase> phases,
    List<String> warnings,
    Map<String, String> provenance) {
  /** Copies the collections, keeping their order. */
  public Report {
    linears = List.copyOf(linears);
    activations = List.copyOf(activations);
    experts = List.copyOf(experts);
    evaluations = List.copyOf(evaluations);
    phases = List.copyOf(phases);
    warnings = List.copyOf(warnings);
    provenance = Collections.unmodifiableMap(new LinkedHashMap<>(provenance));
  }

  /** A copy with these measurements. */
  public Report withEvaluations(List<Evaluation> measured) {
    return new Report(
        model, config, size, linears, activations, experts, measured, phases, warnings, provenance);
  }

  /**
   * Bytes of all weights.
   *
   * @param bytesBefore as the model was
   * @param bytesAfter as the export is, or would be
   * @param effectiveBits average bits per weight of the quantized linears, scales included
   */
  public record Size(long bytesBefore, long bytesAfter, double effectiveBits) {}

  /**
   * One linear.
   *
   * @param name full module name
   * @param format of its weight, as recipes name it
   * @param inputFormat of its input, if quantized
   * @param weightError {@code |W - Q|^2 / |W|^2}, at least 0
   * @param outputError {@code |X (W - Q)^T|^2 / |X W^T|^2} over the calibration data, at least 0,
   *     by the inputs' second moment; only where the algorithm gathered that
   * @param sqnrDb {@code 10 log10(|W|^2 / |W - Q|^2)}
   * @param clipped share of weights beyond the largest code, 0 to 1
   * @param damping share of the second moment's mean diagonal that was added to it, where weights
   *     were rounded with error feedback
   * @param tokens tokens that went through it during calibration
   * @param note what did not go as asked for: fallbacks, raised damping, shared statistics
   */
  public record Linear(
      String name,
      String format,
      Optional<String> inputFormat,
      OptionalDouble weightError,
      OptionalDouble outputError,
      OptionalDouble sqnrDb,
      OptionalDouble clipped,
      OptionalDouble damping,
      long tokens,
      Optional<String> note) {}

  /**
   * One observed input.
   *
   * @param name of the input group
   * @param tokens rows seen
   * @param amax largest magnitude
   * @param medianChannelAmax median over channels of their largest magnitudes
   * @param outlierChannels channels whose largest magnitude is at least 8 times that median
   */
  public record Activation(
      String name,
      long tokens,
      double amax,
      double medianChannelAmax,
      List<Integer> outlierChannels) {
    /** Copies the list. */
    public Activation {
      outlierChannels = List.copyOf(outlierChannels);
    }
  }

  /**
   * The experts of a layer.
   *
   * @param layer name of the layer
   * @param tokens tokens by expert
   */
  public record Experts(String layer, List<Long> tokens) {
    /** Copies the list. */
    public Experts {
      tokens = List.copyOf(tokens);
    }
  }

  /**
   * A measurement of quality.
   *
   * @param name for people, for example {@code Perplexity}
   * @param before of the model as it was, if measured
   * @param after of the quantized model
   * @param lowerIsBetter true for perplexity and divergence, false for accuracy
   */
  public record Evaluation(
      String name, OptionalDouble before, double after, boolean lowerIsBetter) {}

  /**
   * A part of the job.
   *
   * @param name for people
   * @param seconds wall-clock time
   * @param peakBytes largest resident memory of the process up to its end, if known
   */
  public record Phase(String name, double seconds, Optional<Long> peakBytes) {}
}
