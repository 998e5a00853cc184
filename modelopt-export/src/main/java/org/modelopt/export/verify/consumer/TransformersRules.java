package org.modelopt.export.verify.consumer;

import java.util.Set;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/**
 * HuggingFace transformers, which joins no layers.
 *
 * <p>Source: {@code src/transformers/quantizers/auto.py}, releases 4.57 and 5.18.
 */
final class TransformersRules implements ConsumerRules {
  private static final Set<Consumer> TRANSFORMERS = Set.of(Consumer.TRANSFORMERS);

  private static final Violation METHOD =
      new Violation(
          "quantization that transformers does not know",
          "it warns, builds the model unquantized and puts the codes into its weights",
          "export as compressed-tensors (FP8, INT8, INT4, NVFP4), as fp8 with 128x128 blocks, as"
              + " AutoAWQ or as GPTQ");

  @Override
  public Set<Consumer> scope() {
    return TRANSFORMERS;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return !(settings instanceof ModelOptSettings);
  }

  @Override
  public ExclusionRule exclusions(QuantizationSettings settings) {
    return ExclusionRules.shellOnNames(settings.exclusions());
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    return false;
  }

  @Override
  public boolean canQuantize(BuiltLayer layer, ExportView export) {
    return true;
  }

  @Override
  public boolean needsHeadExcluded(QuantizationSettings settings) {
    return false;
  }

  @Override
  public void check(ExportView export, Findings findings) {
    if (export.settings() instanceof ModelOptSettings settings) {
      findings.error(
          TRANSFORMERS,
          METHOD,
          Place.file(settings.place()),
          "compressed-tensors, fp8, awq, gptq or mxfp4",
          settings.method());
    }
  }
}
