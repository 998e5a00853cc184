package org.modelopt.export.verify.consumer;

import java.util.Set;
import org.modelopt.export.verify.config.AwqSettings;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.report.Consumer;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Place;
import org.modelopt.export.verify.report.Violation;

/** What the kernels that servers share ask for. */
final class KernelRules {
  /** Rows and columns that the Marlin kernel works on at a time. */
  private static final int MARLIN_ROWS = 64;

  private static final int MARLIN_COLUMNS = 128;

  private static final Violation SLOW =
      new Violation(
          "shape that the fast kernel does not take",
          "a slower kernel serves the layer, for AWQ in float16 only",
          "nothing, or leave the layer unquantized");
  private static final Violation OTHER_MODEL =
      new Violation(
          "mxfp4 for another model than gpt-oss",
          "the method quantizes the stacked experts of gpt-oss and leaves all linear layers alone",
          "export as compressed-tensors MXFP4");

  private static final Violation INTERLEAVED =
      new Violation(
          "AWQ in the order of llm-awq",
          "only the kernels of TinyChat and gptqmodel read it",
          "export as AutoAWQ");

  private KernelRules() {}

  /** Servers read AutoAWQ's gemm version only. */
  static void checkOrder(AwqSettings settings, Set<Consumer> scope, Findings findings) {
    if (settings.isInterleaved()) {
      findings.error(
          scope,
          INTERLEAVED,
          Place.file("config.json quantization_config version"),
          "gemm",
          settings.version());
    }
  }

  /** Notes the first layer that falls back to a slow kernel for 4-bit integers. */
  static void noteSlowShapes(ExportView export, Set<Consumer> scope, Findings findings) {
    for (LinearModule module : export.quantized().keySet()) {
      if (module.outFeatures() % MARLIN_ROWS != 0 || module.inFeatures() % MARLIN_COLUMNS != 0) {
        findings.note(
            scope,
            SLOW,
            Place.tensor(module.path()),
            "rows in multiples of %d, columns of %d".formatted(MARLIN_ROWS, MARLIN_COLUMNS),
            module.outFeatures() + " by " + module.inFeatures());
        return;
      }
    }
  }

  /** The method {@code mxfp4} belongs to one architecture. */
  static void checkStackedExperts(ExportView export, Set<Consumer> scope, Findings findings) {
    if (!export.config().modelType().equals("gpt_oss")) {
      findings.error(
          scope,
          OTHER_MODEL,
          Place.file("config.json model_type"),
          "gpt_oss",
          export.config().modelType());
    }
  }
}
