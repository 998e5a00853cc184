package org.modelopt.formats;

import org.modelopt.error.CheckpointException;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** What arguments of quantizers must be. */
final class Checks {
  private Checks() {}

  /**
   * To be called when an element that is not finite was met: refuses the first one of the matrix,
   * if asked to.
   */
  static void refuseNonFinite(Conversion conversion, Matrix x) {
    if (conversion.nonFinite() == NonFinite.SATURATE) {
      return;
    }
    for (long row = 0; row < x.rows(); row++) {
      for (long column = 0; column < x.columns(); column++) {
        float value = x.get(row, column);
        if (!Float.isFinite(value)) {
          throw new CheckpointException(
              "element [%d, %d] of %s is %s; check the file or the layer that made it"
                  .formatted(row, column, x, value));
        }
      }
    }
  }

  static void amax(float amax, long index) {
    if (!(amax >= 0 && amax <= Float.MAX_VALUE)) {
      throw new IllegalArgumentException(
          "amax must be finite and not negative but number %d is %s".formatted(index, amax));
    }
  }

  /** Shape, type and global scale of scales for a matrix. */
  static void scales(QuantSpec spec, Matrix x, Scales scales) {
    long expected = spec.granularity().scaleShape(x.shape()).elements();
    Tensor values = scales.values();
    if (values.dtype() != spec.scaleFormat().dtype() || values.shape().elements() != expected) {
      throw new IllegalArgumentException(
          "expected %d scales of %s for %s but found %s"
              .formatted(expected, spec.scaleFormat().dtype(), x, values));
    }
    boolean fit =
        scales
            .zeroPoints()
            .map(p -> p.dtype() == DType.I32 && p.shape().elements() == expected)
            .orElse(true);
    if (!fit || spec.scaleRule().hasZeroPoints() != scales.zeroPoints().isPresent()) {
      throw new IllegalArgumentException(
          "%s %s zero points, I32 of the shape of the scales"
              .formatted(spec.scaleRule(), spec.scaleRule().hasZeroPoints() ? "needs" : "has no"));
    }
    globalScale(spec, scales.globalScale());
  }

  /** One scale: positive and finite, or negative where the rule makes it so. */
  static void scale(QuantSpec spec, float scale, long index) {
    float magnitude = spec.scaleRule() == ScaleRule.SIGNED_MAX ? Math.abs(scale) : scale;
    if (!(magnitude > 0 && magnitude <= Float.MAX_VALUE)) {
      throw new IllegalArgumentException(
          "scales must be positive and finite but number %d is %s".formatted(index, scale));
    }
  }

  /** One zero point: an integer of the format. */
  static int zeroPoint(QuantSpec spec, int zeroPoint, long index) {
    int levels = 1 << spec.format().bits();
    if (zeroPoint < 0 || zeroPoint >= levels) {
      throw new IllegalArgumentException(
          "zero points of %s are 0 to %d but number %d is %d"
              .formatted(spec.format().name(), levels - 1, index, zeroPoint));
    }
    return zeroPoint;
  }

  static void globalScale(QuantSpec spec, float globalScale) {
    boolean has = spec.scaleFormat().hasGlobalScale();
    if (has ? !(globalScale > 0 && globalScale <= Float.MAX_VALUE / 448) : globalScale != 1) {
      throw new IllegalArgumentException(
          "the global scale of %s must be %s but is %s"
              .formatted(spec.scaleFormat(), has ? "positive and at most 7e35" : "1", globalScale));
    }
  }

  static void codes(QuantSpec spec, Shape shape, Tensor codes) {
    long expected = spec.codesShape(shape).elements();
    if (codes.dtype() != spec.codesDType() || codes.shape().elements() != expected) {
      throw new IllegalArgumentException(
          "expected %d codes of %s for %s but found %s"
              .formatted(expected, spec.codesDType(), shape, codes));
    }
  }

  static void spec(QuantSpec expected, QuantSpec found) {
    if (!found.equals(expected)) {
      throw new IllegalArgumentException(
          "cannot convert %s by a quantizer of %s".formatted(found, expected));
    }
  }
}
