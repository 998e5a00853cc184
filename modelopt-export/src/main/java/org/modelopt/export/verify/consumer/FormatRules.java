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

/** The exclusion list as its writer means it. */
final class FormatRules implements ConsumerRules {
  @Override
  public Set<Consumer> scope() {
    return Set.of();
  }

  @Override
  public boolean reads(QuantizationSettings settings) {
    return true;
  }

  @Override
  public ExclusionRule exclusions(ExportView export) {
    return switch (export.settings()) {
      case ModelOptSettings s -> ExclusionRules.shellOnNames(s.exclusions());
      case Fp8Settings s -> ExclusionRules.exactWithOrWithoutModel(s.exclusions());
      case AwqSettings s -> ExclusionRules.substringOfNames(s.exclusions());
      case GptqSettings s -> ExclusionRules.gptq(s, export.directory());
      case CompressedTensorsSettings s -> ExclusionRules.compressed(s.exclusions());
      case Mxfp4Settings _, UnknownMethod _, Unquantized _ -> ExclusionRules.none();
    };
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
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
    // The configuration was checked when it was read.
  }
}
