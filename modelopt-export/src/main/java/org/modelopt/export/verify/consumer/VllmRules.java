package org.modelopt.export.verify.consumer;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.ModelOptView.LayerAlgorithm;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/**
 * vLLM.
 *
 * <p>Source: {@code vllm/config/model.py}, {@code model_executor/layers/quantization/modelopt.py},
 * state of May 2026.
 */
final class VllmRules implements ConsumerRules {
  private static final Set<Consumer> VLLM = Set.of(Consumer.VLLM);
  private static final List<String> ALGORITHMS =
      List.of(
          "FP8",
          "FP8_PER_CHANNEL_PER_TOKEN",
          "FP8_PB_WO",
          "NVFP4",
          "W4A16_NVFP4",
          "MXFP8",
          ModelOptSettings.MIXED);
  private static final List<String> NESTED_ALGORITHMS =
      List.of("FP8", "FP8_PER_CHANNEL_PER_TOKEN", "FP8_PB_WO", "NVFP4");
  private static final List<String> MIXED_ALGORITHMS = List.of("FP8", "NVFP4");

  private static final Violation ALGORITHM =
      new Violation(
          "quant_algo that vLLM does not read",
          "vLLM stops with a ValueError that lists the algorithms it knows",
          "export as compressed-tensors or AutoAWQ instead, or serve with TensorRT-LLM");
  private static final Violation NESTED =
      new Violation(
          "no quantization_config in config.json",
          "vLLM knows only some algorithms by hf_quant_config.json and stops with \"Unknown"
              + " ModelOpt quant algo\"",
          "write the flat quantization_config into config.json, too");
  private static final Violation LAYER =
      new Violation(
          "algorithm that vLLM does not read in mixed precision",
          "vLLM builds the layer unquantized, and its packed weight does not fit",
          "use FP8 or NVFP4 for this layer, or leave it unquantized");
  private static final Violation CACHE =
      new Violation(
          "cache format that vLLM does not switch on",
          "vLLM keeps the cache in the model's type",
          "use FP8, or give --kv-cache-dtype to the server");

  @Override
  public Set<Consumer> scope() {
    return VLLM;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return true;
  }

  @Override
  public ExclusionRule exclusions(QuantizationSettings settings) {
    return ExclusionRules.vllmModelOpt(settings.exclusions());
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    return switch (layer.module().role()) {
      case HEAD -> false;
      // The only family whose router is built with the quantization configuration.
      case ROUTER -> export.config().modelType().equals("qwen3_moe");
      case BLOCK, EXPERT -> true;
    };
  }

  @Override
  public boolean canQuantize(BuiltLayer layer, ExportView export) {
    return layer.module().role() != Role.HEAD;
  }

  @Override
  public boolean needsHeadExcluded(QuantizationSettings settings) {
    return false;
  }

  @Override
  public void check(ExportView export, Findings findings) {
    if (export.settings() instanceof ModelOptSettings settings) {
      checkModelOpt(settings, findings);
    }
  }

  private static void checkModelOpt(ModelOptSettings settings, Findings findings) {
    Place place = Place.file(settings.place());
    String algorithm = settings.view().algorithm().toUpperCase(Locale.ROOT);
    if (!ALGORITHMS.contains(algorithm)) {
      findings.error(VLLM, ALGORITHM, place, ALGORITHMS, settings.view().algorithm());
    } else if (settings.inline().isEmpty() && !NESTED_ALGORITHMS.contains(algorithm)) {
      findings.error(VLLM, NESTED, place, NESTED_ALGORITHMS, settings.view().algorithm());
    }
    for (Map.Entry<String, LayerAlgorithm> entry : settings.view().layers().entrySet()) {
      String layer = entry.getValue().algorithm().toUpperCase(Locale.ROOT);
      if (!MIXED_ALGORITHMS.contains(layer)) {
        findings.error(VLLM, LAYER, Place.tensor(entry.getKey()), MIXED_ALGORITHMS, layer);
      }
    }
    if (!List.of("", "FP8", "NVFP4").contains(settings.kvCache())) {
      findings.note(VLLM, CACHE, place, "FP8, NVFP4 or none", settings.kvCache());
    }
  }
}
