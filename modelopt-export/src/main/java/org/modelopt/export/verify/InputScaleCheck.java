package org.modelopt.export.verify;

import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.export.verify.report.Findings;
import org.modelopt.export.verify.report.Violation;
import org.modelopt.export.verify.scheme.Scheme;
import org.modelopt.tensor.Tensor;

/**
 * Static input scales must not ask for more than the layer's input can be.
 *
 * <p>A root-mean-square norm gives at most max|w| · sqrt(H) for weights w over H channels: the
 * largest element of a vector is at most sqrt(H) times its root mean square. A scale upside down
 * asks for far more.
 */
final class InputScaleCheck {
  /** Beyond the bound by this factor no rounding and no margin explains it. */
  private static final double MARGIN = 4;

  private static final Violation TOO_LARGE =
      new Violation(
          "input scale beyond what its norm can give",
          "inputs are divided by it, so that all of them round to a few codes around zero",
          "store amax divided by the largest code, not its reciprocal");

  private InputScaleCheck() {}

  static void run(ExportView export, Findings findings) {
    for (Map.Entry<LinearModule, Scheme> entry : export.quantized().entrySet()) {
      LinearModule module = entry.getKey();
      Optional<ExportTensor> stored = export.directory().find(module.path() + ".input_scale");
      OptionalDouble scale = Scalars.read(stored);
      OptionalDouble top =
          module.normBefore().map(norm -> largest(export, norm)).orElse(OptionalDouble.empty());
      double codes = entry.getValue().inputLimit();
      if (scale.isEmpty() || top.isEmpty() || codes == 0) {
        continue;
      }
      double amax = scale.getAsDouble() * codes;
      // A scale of exactly 1 is what exporters write where nothing was calibrated.
      if (amax > MARGIN * top.getAsDouble() && scale.getAsDouble() != 1) {
        findings.error(
            TOO_LARGE,
            stored.orElseThrow().place(),
            String.format(Locale.ROOT, "an amax of at most %.4g", top.getAsDouble()),
            String.format(Locale.ROOT, "scale %.4g, amax %.4g", scale.getAsDouble(), amax));
      }
    }
  }

  private static OptionalDouble largest(ExportView export, String norm) {
    Optional<ExportTensor> stored = export.directory().find(norm);
    if (stored.isEmpty() || !stored.get().dtype().isWideFloat()) {
      return OptionalDouble.empty();
    }
    double offset = export.layout().hasUnitOffsetNorms() ? 1 : 0;
    double largest = 0;
    try (Arena arena = Arena.ofConfined()) {
      Tensor weight = stored.get().open(arena);
      for (long i = 0; i < weight.shape().elements(); i++) {
        largest = Math.max(largest, Math.abs(weight.getFloat(i) + offset));
      }
      return OptionalDouble.of(largest * Math.sqrt((double) weight.shape().elements()));
    }
  }
}
