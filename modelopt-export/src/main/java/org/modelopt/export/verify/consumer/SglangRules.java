package org.modelopt.export.verify.consumer;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.modelopt.export.verify.config.AwqSettings;
import org.modelopt.export.verify.config.CompressedGroup;
import org.modelopt.export.verify.config.CompressedGroup.Kind;
import org.modelopt.export.verify.config.CompressedTensorsSettings;
import org.modelopt.export.verify.config.Fp8Settings;
import org.modelopt.export.verify.config.GptqSettings;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.Mxfp4Settings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.config.UnknownMethod;
import org.modelopt.export.verify.config.Unquantized;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/**
 * SGLang.
 *
 * <p>Source: {@code srt/configs/model_config.py}, {@code srt/layers/quantization/modelopt_quant.py}
 * and {@code compressed_tensors/}, state of July 2026.
 */
final class SglangRules implements ConsumerRules {
  private static final Set<Consumer> SGLANG = Set.of(Consumer.SGLANG);
  private static final List<String> ALGORITHMS = List.of("FP8", "NVFP4", ModelOptSettings.MIXED);
  private static final Set<Kind> COMPRESSED =
      Collections.unmodifiableSet(
          EnumSet.of(
              Kind.FP8,
              Kind.FP8_CHANNEL_TOKEN,
              Kind.FP8_BLOCK,
              Kind.INT8,
              Kind.WEIGHT_ONLY,
              Kind.NVFP4));
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
  private static final Violation FORMAT =
      new Violation(
          "global compressed-tensors format",
          "SGLang reads the global format only, and by it decides whether inputs are quantized",
          "write the format of the groups as the global one");
  private static final Violation KIND =
      new Violation(
          "compressed-tensors scheme that SGLang does not read",
          "it stops, or builds the layers unquantized",
          "use FP8, INT8, packed integers or NVFP4 with NVFP4 inputs");

  @Override
  public Set<Consumer> scope() {
    return SGLANG;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return true;
  }

  @Override
  public ExclusionRule exclusions(ExportView export) {
    return switch (export.settings()) {
      case ModelOptSettings s -> ExclusionRules.sglangModelOpt(s.exclusions());
      case Fp8Settings s -> ExclusionRules.exactWithOrWithoutModel(s.exclusions());
      case AwqSettings s -> ExclusionRules.sglangSubstring(s.exclusions());
      case GptqSettings s -> ExclusionRules.gptq(s, export.directory());
      case CompressedTensorsSettings s -> ExclusionRules.compressed(s.exclusions());
      case Mxfp4Settings _, UnknownMethod _, Unquantized _ -> ExclusionRules.none();
    };
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    return switch (layer.module().role()) {
      case ROUTER -> false;
      case HEAD -> export.settings() instanceof ModelOptSettings;
      case BLOCK, EXPERT -> true;
    };
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
    switch (export.settings()) {
      case ModelOptSettings s -> checkModelOpt(s, export, findings);
      case Fp8Settings s -> BlockRules.checkJoined(s.blocks(), export, SGLANG, findings);
      case CompressedTensorsSettings s -> checkCompressed(s, export, findings);
      case AwqSettings s -> {
        KernelRules.checkOrder(s, SGLANG, findings);
        KernelRules.noteSlowShapes(export, SGLANG, findings);
      }
      case GptqSettings _ -> KernelRules.noteSlowShapes(export, SGLANG, findings);
      case Mxfp4Settings _ -> KernelRules.checkStackedExperts(export, SGLANG, findings);
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
          SGLANG,
          CACHE_SCALES,
          Place.file("config.json model_type"),
          "an architecture that reads them",
          type);
    }
  }

  private static void checkCompressed(
      CompressedTensorsSettings settings, ExportView export, Findings findings) {
    Place place = Place.file("config.json quantization_config format");
    if (settings.format().isEmpty()) {
      findings.error(SGLANG, FORMAT, place, "a format", "absent");
    }
    for (CompressedGroup group : settings.groups()) {
      if (!group.format().equals(settings.format())) {
        findings.error(
            SGLANG, FORMAT, place, group.format() + ", as in the group", settings.format());
      }
      group
          .kind()
          .filter(kind -> !COMPRESSED.contains(kind))
          .ifPresent(kind -> findings.error(SGLANG, KIND, place, COMPRESSED, kind));
      BlockRules.checkJoined(group, export, SGLANG, findings);
    }
  }
}
