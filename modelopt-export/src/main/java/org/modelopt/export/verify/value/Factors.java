package org.modelopt.export.verify.value;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.export.verify.checkpoint.ExportTensor;
import org.modelopt.export.verify.consumer.ExportView;
import org.modelopt.export.verify.layout.LinearModule;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * Factors of a weight's columns that something before the layer applies instead: a pre-quantization
 * scale, or a norm into which they were folded.
 */
final class Factors {
  private final ExportView export;
  private final Original original;

  Factors(ExportView export, Original original) {
    this.export = export;
    this.original = original;
  }

  /**
   * What the input of {@code module} is multiplied by in the export and was not in the original,
   * channel by channel; empty if nothing. The export's weight is the original's, divided by it.
   */
  Optional<float[]> ofColumns(LinearModule module) {
    Optional<float[]> scale = ofScale(module);
    Optional<float[]> norm =
        module.normBefore().flatMap(this::ofNorm).filter(n -> n.length == module.inFeatures());
    if (scale.isEmpty() || norm.isEmpty()) {
      return scale.or(() -> norm);
    }
    float[] product = scale.get();
    for (int i = 0; i < product.length; i++) {
      product[i] *= norm.get()[i];
    }
    return Optional.of(product);
  }

  private Optional<float[]> ofScale(LinearModule module) {
    return export
        .directory()
        .find(module.path() + ".pre_quant_scale")
        .filter(scale -> isVector(scale.info(), module.inFeatures()))
        .map(scale -> {
          try (Arena arena = Arena.ofConfined()) {
            return FloatRows.all(scale.open(arena));
          }
        });
  }

  private static boolean isVector(TensorInfo info, long elements) {
    return info.dtype().isWideFloat() && info.shape().elements() == elements;
  }

  /** New over old weight of the norm called {@code name}, with its offset; empty if unchanged. */
  private Optional<float[]> ofNorm(String name) {
    Optional<ExportTensor> now = export.directory().find(name);
    Optional<TensorInfo> before = original.find(name);
    if (now.isEmpty()
        || before.isEmpty()
        || !now.get().shape().equals(before.get().shape())
        || !now.get().dtype().isWideFloat()) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      Tensor old = original.open(name, arena);
      Tensor folded = now.get().open(arena);
      if (PlainComparison.difference(old, folded).isEmpty()) {
        return Optional.empty();
      }
      float offset = export.layout().hasUnitOffsetNorms() ? 1 : 0;
      float[] ratio = FloatRows.all(folded);
      float[] divisor = FloatRows.all(old);
      for (int i = 0; i < ratio.length; i++) {
        boolean same = ratio[i] == divisor[i];
        ratio[i] = same ? 1 : (ratio[i] + offset) / (divisor[i] + offset);
      }
      return Optional.of(ratio);
    }
  }

  /** Whether {@code norm} differs from the original and feeds a layer whose weight shows it. */
  boolean isFolded(String norm) {
    return export.layout().linears().values().stream()
            .anyMatch(module -> module.normBefore().filter(norm::equals).isPresent())
        && ofNorm(norm).isPresent();
  }
}
