package org.modelopt.export.hf;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.modelopt.config.Plan.PlannedCache;
import org.modelopt.config.Plan.PlannedLinear;
import org.modelopt.decision.Decisions;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightDecision;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.error.ConfigException;
import org.modelopt.job.LinearForm;
import org.modelopt.model.CacheSite;
import org.modelopt.model.Linear;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.TensorInfo;

/**
 * All tensors of an export and what they say of its format.
 *
 * @param tensors in the order of the source, each quantized weight followed by its scales
 * @param description for the configuration files
 */
record HfTensors(List<OutputTensor> tensors, QuantizationJson description) {
  static HfTensors of(QuantizedModel quantized) {
    Set<String> algorithms = new HashSet<>();
    Set<String> replaced = new HashSet<>();
    List<OutputTensor> made = new ArrayList<>();
    Decisions decisions = quantized.decisions();
    List<String> quantizedNames = new ArrayList<>();
    for (PlannedLinear planned : quantized.plan().quantized().toList()) {
      Linear linear = planned.linear();
      WeightDecision decided = decisions.weight(linear.name()).orElseThrow();
      requireNothingBeside(linear, decided, decisions.input(linear.name()));
      WeightQuantization weight = decided.quantization().orElseThrow();
      Optional<Quantization> input = decisions.inputQuantization(linear.name());
      LinearLayout layout = layout(linear, weight, input);
      if (!linear.weightName().equals(linear.name() + ".weight")) {
        throw new ConfigException(
            "%s shares its weight with %s, which stays as it is; exclude %s from quantization"
                .formatted(linear.name(), linear.weightName(), linear.name()));
      }
      algorithms.add(layout.quantAlgo());
      replaced.add(linear.weightName());
      quantizedNames.add(linear.name());
      made.addAll(layout.tensors(linear, weight, input));
    }
    Map<String, Linear> linears = new HashMap<>();
    quantized.model().linears().forEach(linear -> linears.put(linear.weightName(), linear));
    quantized
        .model()
        .linears()
        .filter(Linear::hasBias)
        .forEach(linear -> linears.put(linear.biasName(), linear));
    List<OutputTensor> all = new ArrayList<>();
    for (TensorInfo stored : quantized.model().tensors().tensors()) {
      Optional<Linear> linear =
          Optional.ofNullable(linears.get(stored.name()))
              .filter(l -> decisions.weight(l.name()).isPresent());
      if (linear.isPresent() && !replaced.contains(stored.name())) {
        boolean bias = stored.name().equals(linear.get().biasName());
        all.add(
            new OutputTensor(
                stored,
                (arena, encoder) -> {
                  LinearForm form = encoder.form(linear.get(), arena);
                  return bias ? form.bias().orElseThrow() : form.plain();
                }));
      } else if (!replaced.contains(stored.name())) {
        all.add(new OutputTensor(stored, (arena, encoder) -> encoder.parameter(stored.name(), arena)));
      }
    }
    all.addAll(made);
    all.addAll(cacheScales(quantized));
    return new HfTensors(
        all,
        new QuantizationJson(
            onlyOne(algorithms, quantized),
            decisions.caches().isEmpty() ? Optional.empty() : Optional.of("FP8"),
            ExcludedModules.patterns(unquantized(quantized, replaced), quantizedNames)));
  }

  private static void requireNothingBeside(
      Linear linear, WeightDecision weight, Optional<InputDecision> input) {
    boolean beside =
        weight.branch().isPresent()
            || input
                .filter(i -> i.preScale().isPresent() || i.rotation().isPresent())
                .isPresent();
    if (beside) {
      throw new ConfigException(
          linear.name()
              + ": no layout here keeps a pre-quant scale, rotation or low-rank branch beside the"
              + " codes; choose an algorithm that folds, or another export");
    }
  }

  private static LinearLayout layout(
      Linear linear, WeightQuantization weight, Optional<Quantization> input) {
    return LinearLayout.ALL.stream()
        .filter(layout -> layout.fits(weight, input))
        .findFirst()
        .orElseThrow(() ->
            new ConfigException(
                "%s: no reader of HuggingFace checkpoints takes weight %s with input %s"
                    .formatted(
                        linear.name(),
                        weight.spec(),
                        input.map(q -> q.spec().toString()).orElse("as it is"))));
  }

  private static String onlyOne(Set<String> algorithms, QuantizedModel quantized) {
    if (algorithms.size() != 1) {
      throw new ConfigException(
          "config %s gives %s; a HuggingFace export takes one format for all linears"
              .formatted(quantized.config().name(), algorithms.isEmpty() ? "none" : algorithms));
    }
    return algorithms.iterator().next();
  }

  /** KV-cache scales, named after the projection that makes keys or values. */
  private static List<OutputTensor> cacheScales(QuantizedModel quantized) {
    List<OutputTensor> scales = new ArrayList<>();
    for (PlannedCache planned : quantized.plan().caches()) {
      CacheSite site = planned.site();
      Optional<Quantization> decided = quantized.decisions().cache(site.name());
      if (decided.isPresent()) {
        Quantization quantization = decided.get();
        if (!quantization.spec().equals(QuantSpec.FP8)) {
          throw new ConfigException(
              site.name() + ": readers take FP8 caches with one scale, not " + quantization.spec());
        }
        String suffix =
            switch (site.kind()) {
              case KEY -> ".k_scale";
              case VALUE -> ".v_scale";
            };
        scales.add(
            OutputTensor.scalar(site.name() + suffix, quantization.scales().values().getFloat(0)));
      }
    }
    return scales;
  }

  /** Modules with a matrix that stays as it is: heads, embeddings, routers, excluded linears. */
  private static List<String> unquantized(QuantizedModel quantized, Set<String> replaced) {
    List<String> names = new ArrayList<>();
    quantized.plan().linears().stream()
        .filter(planned -> planned.weight().isEmpty())
        .forEach(planned -> names.add(planned.linear().name()));
    String suffix = ".weight";
    for (TensorInfo stored : quantized.model().tensors().tensors()) {
      if (stored.shape().rank() >= 2
          && stored.name().endsWith(suffix)
          && !replaced.contains(stored.name())) {
        names.add(stored.name().substring(0, stored.name().length() - suffix.length()));
      }
    }
    return names;
  }
}
