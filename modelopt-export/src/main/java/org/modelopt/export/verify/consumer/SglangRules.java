package org.modelopt.export.verify.consumer;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/**
 * SGLang.
 *
 * <p>Source: {@code srt/configs/model_config.py}, {@code
 * srt/layers/quantization/modelopt_quant.py}, state of July 2026.
 */
final class SglangRules implements ConsumerRules {
  private static final Set<Consumer> SGLANG = Set.of(Consumer.SGLANG);
  private static final List<String> ALGORITHMS = List.of("FP8", "NVFP4", ModelOptSettings.MIXED);
  private static final Set<String> CACHE_SCALES_DROPPED = Set.of("qwen2", "qwen3_moe", "mixtral");

  private static final Violation ALGORITHM =
      new Violation(
          "quant_algo that SGLang does not read",
          "SGLang takes every other name with FP8 in it for per-tensor FP8 and refuses the rest",
          "export as FP8, NVFP4 or compressed-tensors");
  private static final Violation NO_LIST =
      new Violation(
          "no exclusion list",
          "SGLang refuses a null list, and quantizes the output head unless it is listed",
          "write the list into both configurations, with lm_head in it");
  private static final Violation MIXED_WITHOUT_FP4 =
      new Violation(
          "mixed precision without NVFP4",
          "SGLang takes it for the w4afp8 format",
          "declare plain FP8 and exclude the other layers");
  private static final Violation GROUP_SIZE =
      new Violation(
          "no group size",
          "SGLang does not assume one",
          "write group_size 16 into the configuration");
  private static final Violation CACHE_SCALES =
      new Violation(
          "cache scales that SGLang drops",
          "the loader of this architecture passes over them, and 1.0 is used",
          "give the scales on the command line, or accept 1.0");

  @Override
  public Set<Consumer> scope() {
    return SGLANG;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return true;
  }

  @Override
  public ExclusionRule exclusions(QuantizationSettings settings) {
    return ExclusionRules.sglangModelOpt(settings.exclusions());
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    return layer.module().role() != Role.ROUTER;
  }

  @Override
  public boolean canQuantize(BuiltLayer layer, ExportView export) {
    return true;
  }

  @Override
  public boolean needsHeadExcluded(QuantizationSettings settings) {
    return settings instanceof ModelOptSettings modelOpt && !modelOpt.isMixed();
  }

  @Override
  public void check(ExportView export, Findings findings) {
    if (export.settings() instanceof ModelOptSettings settings) {
      checkModelOpt(settings, export, findings);
    }
  }

  private static void checkModelOpt(
      ModelOptSettings settings, ExportView export, Findings findings) {
    Place place = Place.file(settings.place());
    String algorithm = settings.view().algorithm().toUpperCase(Locale.ROOT);
    if (!ALGORITHMS.contains(algorithm)) {
      findings.error(SGLANG, ALGORITHM, place, ALGORITHMS, settings.view().algorithm());
    }
    if (settings.view().exclusions().isEmpty() && !settings.isMixed()) {
      findings.error(SGLANG, NO_LIST, place, "ignore or exclude_modules", "absent or null");
    }
    if (settings.isMixed()
        && settings.view().layers().values().stream()
            .noneMatch(layer -> layer.algorithm().toUpperCase(Locale.ROOT).endsWith("NVFP4"))) {
      findings.error(SGLANG, MIXED_WITHOUT_FP4, place, "a layer with NVFP4", "none");
    }
    if (algorithm.equals("NVFP4") && settings.view().groupSize() == 0) {
      findings.error(SGLANG, GROUP_SIZE, place, 16, "absent");
    }
    String type = export.config().modelType();
    if (!settings.kvCache().isEmpty() && CACHE_SCALES_DROPPED.contains(type)) {
      findings.note(
          SGLANG, CACHE_SCALES, Place.file("config.json model_type"), "scales that are read", type);
    }
  }
}
