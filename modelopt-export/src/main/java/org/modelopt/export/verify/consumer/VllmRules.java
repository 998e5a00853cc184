package org.modelopt.export.verify.consumer;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.modelopt.export.verify.config.AwqSettings;
import org.modelopt.export.verify.config.CompressedGroup;
import org.modelopt.export.verify.config.CompressedTensorsSettings;
import org.modelopt.export.verify.config.Fp8Settings;
import org.modelopt.export.verify.config.GptqSettings;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.ModelOptView.LayerAlgorithm;
import org.modelopt.export.verify.config.Mxfp4Settings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.config.UnknownMethod;
import org.modelopt.export.verify.config.Unquantized;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.GptqSchemes.Form;
import org.modelopt.export.verify.scheme.Scheme;

/**
 * vLLM.
 *
 * <p>Source: {@code vllm/config/model.py} and {@code model_executor/layers/quantization/}, state of
 * May 2026.
 */
final class VllmRules implements ConsumerRules {
  private static final Set<Consumer> VLLM = Set.of(Consumer.VLLM);
  private static final String INLINE = "config.json quantization_config ";
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
  private static final List<String> NESTED_NVFP4_KEYS =
      List.of("group_size", "kv_cache_quant_algo", "exclude_modules");
  private static final List<String> MIXED_ALGORITHMS = List.of("FP8", "NVFP4");
  private static final List<Integer> INTEGER_GROUPS = List.of(0, 32, 64, 128);
  private static final int BLOCK = 128;

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
  private static final Violation KEY =
      new Violation(
          "key missing from hf_quant_config.json",
          "vLLM stops unless the key is there; null is enough",
          "write the key");
  private static final Violation LAYER =
      new Violation(
          "algorithm that vLLM does not read in mixed precision",
          "vLLM builds the layer unquantized, and its packed weight does not fit",
          "use FP8 or NVFP4 for this layer, or leave it unquantized");
  private static final Violation DTYPE =
      new Violation(
          "model type that the kernels do not take",
          "vLLM stops with a ValueError about torch.dtype",
          "export unquantized tensors in bfloat16 and say so in config.json");
  private static final Violation CACHE =
      new Violation(
          "cache format that vLLM does not switch on",
          "vLLM keeps the cache in the model's type",
          "use FP8, or give --kv-cache-dtype to the server");
  private static final Violation ASYMMETRIC =
      new Violation(
          "GPTQ with zero points",
          "vLLM reads symmetric codes only, since May 2026",
          "quantize with sym true, or export as AutoAWQ");
  private static final Violation ASYMMETRIC_EXPERTS =
      new Violation(
          "experts with zero points",
          "vLLM stops with \"Only symmetric quantization is supported for MoE\"",
          "quantize experts symmetrically, or export as AutoAWQ");
  private static final Violation GROUP =
      new Violation(
          "group size without a kernel",
          "vLLM has kernels for groups of 32, 64, 128 and whole columns",
          "use one of these group sizes");

  @Override
  public Set<Consumer> scope() {
    return VLLM;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return true;
  }

  @Override
  public ExclusionRule exclusions(ExportView export) {
    return switch (export.settings()) {
      case ModelOptSettings s -> ExclusionRules.vllmModelOpt(s.exclusions());
      case Fp8Settings s -> ExclusionRules.vllmExact(s.exclusions());
      case AwqSettings s -> ExclusionRules.vllmSubstring(s.exclusions());
      case GptqSettings s -> ExclusionRules.gptq(s, export.directory());
      case CompressedTensorsSettings s -> ExclusionRules.compressed(s.exclusions());
      case Mxfp4Settings _, UnknownMethod _, Unquantized _ -> ExclusionRules.none();
    };
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
    switch (export.settings()) {
      case ModelOptSettings s -> checkModelOpt(s, export, findings);
      case Fp8Settings s -> BlockRules.checkJoined(s.blocks(), export, VLLM, findings);
      case CompressedTensorsSettings s -> checkCompressed(s, export, findings);
      case AwqSettings s -> {
        KernelRules.checkOrder(s, VLLM, findings);
        checkGroup(s.group(), findings);
        KernelRules.noteSlowShapes(export, VLLM, findings);
      }
      case GptqSettings s -> s.form().ifPresent(form -> checkGptq(form, export, findings));
      case Mxfp4Settings _ -> KernelRules.checkStackedExperts(export, VLLM, findings);
      case UnknownMethod _, Unquantized _ -> {
        // Nothing to read, or reported already.
      }
    }
  }

  private static void checkModelOpt(
      ModelOptSettings settings, ExportView export, Findings findings) {
    Place place = Place.file(settings.place());
    String algorithm = settings.view().algorithm().toUpperCase(Locale.ROOT);
    if (!ALGORITHMS.contains(algorithm)) {
      findings.error(VLLM, ALGORITHM, place, ALGORITHMS, settings.view().algorithm());
    } else if (settings.inline().isEmpty()) {
      checkNested(settings, algorithm, findings);
    }
    for (Map.Entry<String, LayerAlgorithm> entry : settings.view().layers().entrySet()) {
      String layer = entry.getValue().algorithm().toUpperCase(Locale.ROOT);
      if (!MIXED_ALGORITHMS.contains(layer)) {
        findings.error(VLLM, LAYER, Place.tensor(entry.getKey()), MIXED_ALGORITHMS, layer);
      }
    }
    if (algorithm.equals("FP8_PB_WO")) {
      BlockRules.checkWhole(BLOCK, export, VLLM, findings);
    }
    String dtype = export.config().dtype().orElse("absent");
    if (algorithm.equals("MXFP8") && !dtype.equals("bfloat16")) {
      findings.error(VLLM, DTYPE, Place.file("config.json dtype"), "bfloat16", dtype);
    }
    if (!List.of("", "FP8", "NVFP4").contains(settings.kvCache())) {
      findings.note(VLLM, CACHE, place, "FP8, NVFP4 or none", settings.kvCache());
    }
  }

  private static void checkNested(ModelOptSettings settings, String algorithm, Findings findings) {
    if (!NESTED_ALGORITHMS.contains(algorithm)) {
      findings.error(
          VLLM,
          NESTED,
          Place.file(settings.place()),
          NESTED_ALGORITHMS,
          settings.view().algorithm());
    } else if (algorithm.equals("NVFP4")) {
      for (String key : NESTED_NVFP4_KEYS) {
        if (!settings.view().keys().contains(key)) {
          findings.error(
              VLLM, KEY, Place.file(settings.place() + " " + key), "a value or null", "absent");
        }
      }
    }
  }

  private static void checkGptq(Form form, ExportView export, Findings findings) {
    if (!form.symmetric()) {
      findings.error(VLLM, ASYMMETRIC, Place.file(INLINE + "sym"), "true", "false");
    }
    checkGroup(form.group(), findings);
    KernelRules.noteSlowShapes(export, VLLM, findings);
  }

  private static void checkGroup(int group, Findings findings) {
    if (!INTEGER_GROUPS.contains(group)) {
      findings.error(VLLM, GROUP, Place.file(INLINE + "group_size"), "-1, 32, 64 or 128", group);
    }
  }

  private static void checkCompressed(
      CompressedTensorsSettings settings, ExportView export, Findings findings) {
    for (Map.Entry<LinearModule, Scheme> entry : export.quantized().entrySet()) {
      if (entry.getKey().role() == Role.EXPERT
          && entry.getValue().part("weight_zero_point").isPresent()) {
        findings.error(
            VLLM,
            ASYMMETRIC_EXPERTS,
            Place.tensor(entry.getKey().path()),
            "symmetric codes",
            entry.getValue().label());
      }
    }
    for (CompressedGroup group : settings.groups()) {
      BlockRules.checkJoined(group, export, VLLM, findings);
    }
  }
}
