package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Precision;
import org.modelopt.config.Algorithm;
import org.modelopt.config.Config;
import org.modelopt.config.Plan;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.data.SampleSet;
import org.modelopt.decision.Decisions;
import org.modelopt.error.ConfigException;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.Conversion;
import org.modelopt.report.LinearReport;
import org.modelopt.statistics.Statistics;
import org.modelopt.tensor.Tensor;

/**
 * A model and what was decided for it. The model's weights are untouched; decisions are applied
 * when the model is run with simulated quantization or exported. Valid as long as the model is
 * open.
 *
 * @param model the model
 * @param config what was asked for
 * @param plan which module got which format
 * @param decisions the scales
 * @param statistics what calibration saw, by input group and cache site
 * @param reports what each quantized linear is like, in order of execution
 * @param samples the calibration data, if the config needed any
 * @param precision type of activations during calibration
 */
public record QuantizedModel(
    Model model,
    Config config,
    Plan plan,
    Decisions decisions,
    Map<String, Statistics> statistics,
    List<LinearReport> reports,
    Optional<SampleSet> samples,
    Precision precision) {
  /** Copies map and list, keeping their order. */
  public QuantizedModel {
    statistics = Collections.unmodifiableMap(new LinkedHashMap<>(statistics));
    reports = List.copyOf(reports);
  }

  /**
   * A model for which nothing was decided: it is exported as it is.
   *
   * @throws ConfigException if its weights are not whole, see {@link #requireWholeWeights}
   */
  public static QuantizedModel unchanged(Model model) {
    requireWholeWeights(model);
    List<PlannedLinear> linears = model.linears().map(Plan::unquantized).toList();
    return new QuantizedModel(
        model,
        new Config("unchanged", List.of(), new Algorithm.Max(), Conversion.DEFAULT),
        new Plan(linears, List.of()),
        Decisions.NONE,
        Map.of(),
        List.of(),
        Optional.empty(),
        model.storedPrecision());
  }

  /**
   * Checks that what the codes of a quantized checkpoint stand for is all there is to its weights.
   *
   * @throws ConfigException if factors of inputs or products of low rank are kept beside them
   */
  static void requireWholeWeights(Model model) {
    Decisions stored = model.storedDecisions().orElse(Decisions.NONE);
    List<String> beside = new ArrayList<>(stored.weights().keySet());
    stored
        .inputs()
        .forEach((name, input) -> {
          if (input.preScale().isPresent()) {
            beside.add(name);
          }
        });
    if (!beside.isEmpty()) {
      throw new ConfigException(
          "%s keeps factors of inputs or products of low rank beside its codes (%s and %d more), which no other format has a place for; start from the unquantized checkpoint"
              .formatted(model.name(), beside.getFirst(), beside.size() - 1));
    }
  }

  /**
   * What becomes of {@code linear}: what a writer writes and a simulation runs.
   *
   * @param pass where the work is done
   * @param arena owner of the result; shared
   */
  public LinearForm form(Linear linear, Pass pass, Arena arena) {
    return Weights.form(model, linear, decisions, pass, arena);
  }

  /**
   * The stored tensor called {@code name}, which is no weight or bias of a linear, with what was
   * decided for it, in its stored type: norms may have taken over factors of inputs.
   *
   * @param pass where the work is done
   * @param arena owner of the result; shared
   */
  public Tensor parameter(String name, Pass pass, Arena arena) {
    return Weights.parameter(model, name, decisions, pass, arena);
  }

  /** What was done, in a few lines for people. */
  public String summary() {
    return QuantizationSummary.of(this);
  }
}
