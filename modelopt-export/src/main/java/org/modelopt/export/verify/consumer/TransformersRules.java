package org.modelopt.export.verify.consumer;

import java.util.Set;
import org.modelopt.export.verify.config.AwqSettings;
import org.modelopt.export.verify.config.CompressedTensorsSettings;
import org.modelopt.export.verify.config.Fp8Settings;
import org.modelopt.export.verify.config.GptqSettings;
import org.modelopt.export.verify.config.ModelOptSettings;
import org.modelopt.export.verify.config.Mxfp4Settings;
import org.modelopt.export.verify.config.QuantizationSettings;
import org.modelopt.export.verify.config.UnknownMethod;
import org.modelopt.export.verify.config.Unquantized;
import org.modelopt.export.verify.layout.LinearModule.Role;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/**
 * HuggingFace transformers, which joins no layers.
 *
 * <p>Source: {@code src/transformers/quantizers/auto.py} and {@code quantizers_utils.py}, releases
 * 4.57 and 5.18.
 */
final class TransformersRules implements ConsumerRules {
  private static final Set<Consumer> TRANSFORMERS = Set.of(Consumer.TRANSFORMERS);

  private static final Violation METHOD =
      new Violation(
          "quantization that transformers does not know",
          "it warns, builds the model unquantized and puts the codes into its weights",
          "export as compressed-tensors (FP8, INT8, INT4, NVFP4), as fp8 with 128x128 blocks, as"
              + " AutoAWQ or as GPTQ");
  private static final Violation TENSOR_NAMES =
      new Violation(
          "fp8 with one scale for each weight",
          "transformers calls these tensors weight_scale_inv and activation_scale, servers"
              + " weight_scale and input_scale",
          "use blocks of 128 by 128, which all of them read");

  @Override
  public Set<Consumer> scope() {
    return TRANSFORMERS;
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return !(settings instanceof ModelOptSettings);
  }

  @Override
  public ExclusionRule exclusions(ExportView export) {
    return switch (export.settings()) {
      case Fp8Settings s -> ExclusionRules.transformers(s.exclusions());
      case AwqSettings s -> ExclusionRules.transformers(s.exclusions());
      case GptqSettings s -> ExclusionRules.gptq(s, export.directory());
      case CompressedTensorsSettings s -> ExclusionRules.compressed(s.exclusions());
      case ModelOptSettings _, Mxfp4Settings _, UnknownMethod _, Unquantized _ ->
          ExclusionRules.none();
    };
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    // Every linear layer that is not skipped is put into the quantized form, routers too.
    return layer.module().role() != Role.HEAD || needsHeadExcluded(export.settings());
  }

  @Override
  public boolean canQuantize(BuiltLayer layer, ExportView export) {
    return true;
  }

  @Override
  public boolean needsHeadExcluded(QuantizationSettings settings) {
    return settings instanceof Fp8Settings || settings instanceof CompressedTensorsSettings;
  }

  @Override
  public void check(ExportView export, Findings findings) {
    switch (export.settings()) {
      case ModelOptSettings s ->
          findings.error(
              TRANSFORMERS,
              METHOD,
              Place.file(s.place()),
              "compressed-tensors, fp8, awq, gptq or mxfp4",
              s.method());
      case Fp8Settings s -> {
        if (s.blocks().isEmpty()) {
          findings.error(
              TRANSFORMERS,
              TENSOR_NAMES,
              Place.file("config.json quantization_config weight_block_size"),
              "two sizes",
              "absent");
        }
      }
      case Mxfp4Settings _ -> KernelRules.checkStackedExperts(export, TRANSFORMERS, findings);
      case AwqSettings _,
          GptqSettings _,
          CompressedTensorsSettings _,
          UnknownMethod _,
          Unquantized _ -> {
        // Read as they are, or reported already.
      }
    }
  }
}
