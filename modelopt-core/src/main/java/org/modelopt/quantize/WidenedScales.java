package org.modelopt.quantize;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.Tensor;

/**
 * NVFP4 scales under which weights stored in MXFP4 keep every value. Both have the same codes, and
 * a power of two is a value of E4M3 as long as the largest and the smallest of a group are at most
 * 2^17 apart; a global scale, itself a power of two, moves the largest to 2^8.
 */
final class WidenedScales {
  private static final int LARGEST = 8; // exponents of the powers of two in E4M3
  private static final int SMALLEST = -9;
  private static final int BIAS = 127;
  private static final int LEAST_NORMAL = -126; // so that the reciprocal is finite too

  private final int first;

  private WidenedScales(int first) {
    this.first = first;
  }

  /** Whether the codes of {@code from} are codes of {@code to}, and only scales differ. */
  static boolean fits(QuantSpec from, QuantSpec to) {
    return from.format().equals(FloatFormat.E2M1)
        && from.scaleFormat() == ScaleFormat.E8M0
        && from.granularity() instanceof Granularity.Block(int wide)
        && to.format().equals(FloatFormat.E2M1)
        && to.scaleFormat() == ScaleFormat.E4M3_WITH_GLOBAL_F32
        && to.granularity() instanceof Granularity.Block(int narrow)
        && wide % narrow == 0;
  }

  /**
   * A way to widen all of {@code weights}, which get one global scale; empty if their scales lie
   * too far apart.
   */
  static Optional<WidenedScales> of(List<QuantizedTensor> weights) {
    int largest = Integer.MIN_VALUE;
    int smallest = Integer.MAX_VALUE;
    for (QuantizedTensor weight : weights) {
      Tensor scales = weight.scales().values();
      int block = block(weight.spec());
      for (long row = 0; row < weight.shape().rows(); row++) {
        for (long at = 0; at < scales.shape().columns(); at++) {
          if (!isZero(weight, row, at * block, block)) {
            int exponent = exponent(scales, row * scales.shape().columns() + at);
            largest = Math.max(largest, exponent);
            smallest = Math.min(smallest, exponent);
          }
        }
      }
    }
    int first = largest - LARGEST;
    return largest == Integer.MIN_VALUE || smallest - first < SMALLEST || first < LEAST_NORMAL
        ? Optional.empty()
        : Optional.of(new WidenedScales(first));
  }

  private static int block(QuantSpec spec) {
    return ((Granularity.Block) spec.granularity()).size();
  }

  private static int exponent(Tensor scales, long index) {
    return (scales.segment().get(ValueLayout.JAVA_BYTE, index) & 0xFF) - BIAS;
  }

  /** Whether all codes of a block are zero, of either sign: its scale is of no matter. */
  private static boolean isZero(QuantizedTensor weight, long row, long column, int block) {
    long bytes = weight.codes().shape().columns();
    long end = Math.min(bytes, (column + block) / 2);
    for (long i = column / 2; i < end; i++) {
      if ((weight.codes().segment().get(ValueLayout.JAVA_BYTE, row * bytes + i) & 0x77) != 0) {
        return false;
      }
    }
    return true;
  }

  /** The global scale of all of the weights. */
  float globalScale() {
    return Math.scalb(1f, first);
  }

  /** The scales of one of the weights. */
  Scales scales(QuantizedTensor weight, QuantSpec spec, Arena arena) {
    Scales widened = Scales.allocate(spec, weight.shape(), globalScale(), arena);
    Tensor from = weight.scales().values();
    Tensor to = widened.values();
    int repeat = block(weight.spec()) / block(spec);
    long columns = to.shape().columns();
    for (long i = 0; i < to.shape().elements(); i++) {
      long wide = i / columns * from.shape().columns() + i % columns / repeat;
      int exponent = Math.clamp(exponent(from, wide) - (long) first, SMALLEST, LARGEST);
      to.segment().set(ValueLayout.JAVA_BYTE, i, e4m3(exponent));
    }
    return widened;
  }

  /** The code of a power of two: subnormal below 2^-6. */
  private static byte e4m3(int exponent) {
    return (byte) (exponent >= -6 ? exponent + 7 << 3 : 1 << exponent - SMALLEST);
  }
}
