package org.modelopt.export.verify.consumer;

import java.util.Set;
import org.modelopt.export.verify.config.QuantizationSettings;
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
  public ExclusionRule exclusions(QuantizationSettings settings) {
    return ExclusionRules.shellOnNames(settings.exclusions());
  }

  @Override
  public boolean quantizes(BuiltLayer layer, ExportView export) {
    return layer.module().role() != Role.HEAD;
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
    // The configuration was checked when it was read.
  }
}
