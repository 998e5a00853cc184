package org.modelopt.formats.codec;

import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.NumberFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;

/**
 * Scales from what is known of the elements that share one. All arithmetic is float32, each
 * operation rounded once; results are storable as the spec says.
 */
public final class ScaleRules {
  private ScaleRules() {}

  /** A scale and its zero point, 0 where the rule has none. */
  public record ScaleAndZero(float scale, int zeroPoint) {}

  /**
   * The global scale of a tensor with largest magnitude {@code amax}: what makes the largest block
   * scale 448, or 256 for four over six, so that 1.5 times it is storable too. 1 for amax 0 and for
   * formats without global scale.
   */
  public static float globalScale(QuantSpec spec, Arithmetic arithmetic, float amax) {
    if (!spec.scaleFormat().hasGlobalScale()) {
      return 1f;
    }
    float largest = spec.scaleRule() == ScaleRule.FOUR_OVER_SIX ? 256f : 448f;
    float global = divide(arithmetic, amax, spec.format().maxFinite() * largest);
    return global == 0 ? 1f : global;
  }

  /**
   * The scale of elements with largest magnitude {@code amax}.
   *
   * @param amax finite, not negative
   * @param globalScale the tensor's, 1 where the format has none
   * @throws IllegalArgumentException if the rule needs more than amax
   */
  public static float ofAmax(QuantSpec spec, Arithmetic arithmetic, float amax, float globalScale) {
    ScaleFormat stored = spec.scaleFormat();
    float max = spec.format().maxFinite();
    return switch (spec.scaleRule()) {
      case AMAX_OVER_MAX ->
          stored.hasGlobalScale()
              ? underGlobalScale(amax / (max * globalScale))
              : storable(stored, amax, divide(arithmetic, amax, max));
      case HALF_RANGE -> storable(stored, amax, divide(arithmetic, 2 * amax, 2 * max + 1));
      case POWER_FLOOR, POWER_EVEN, POWER_CEIL, POWER_ROUND_UP ->
          ScaleCodec.round(stored, powerOfTwo(spec, amax));
      case SIGNED_MAX, RANGE_WITH_ZERO, RANGE, FOUR_OVER_SIX ->
          throw new IllegalArgumentException(
              spec.scaleRule() + " needs the elements; amax is not enough");
    };
  }

  /** Both candidates of four over six: with the largest magnitude at 6 and at 4. */
  public static float[] fourOverSix(float amax, float globalScale) {
    return new float[] {
      underGlobalScale(amax / 6 / globalScale), underGlobalScale(1.5f * amax / 6 / globalScale)
    };
  }

  /**
   * Scale and zero point of elements between {@code min} and {@code max}, for the rules that depend
   * on both.
   *
   * @throws IllegalArgumentException if the rule is another
   */
  public static ScaleAndZero ofRange(QuantSpec spec, float min, float max) {
    ScaleFormat stored = spec.scaleFormat();
    int levels = (1 << spec.format().bits()) - 1;
    return switch (spec.scaleRule()) {
      case SIGNED_MAX -> {
        float extreme = -min > max ? min : max;
        float scale = -extreme / (1 << (spec.format().bits() - 1));
        yield new ScaleAndZero(storable(stored, extreme, scale), 0);
      }
      case RANGE_WITH_ZERO -> {
        float lower = Math.min(min, 0);
        float width = Math.max(max, 0) - lower;
        float scale = storable(stored, width, width / levels);
        yield new ScaleAndZero(scale, (int) Math.clamp(Math.rint(-lower / scale), 0, levels));
      }
      case RANGE -> {
        float scale = ScaleCodec.round(stored, Math.max(max - min, 1e-5f) / levels);
        yield new ScaleAndZero(scale, (int) Math.clamp(Math.rint(-min / scale), 0, levels));
      }
      default -> throw new IllegalArgumentException(spec.scaleRule() + " depends on amax only");
    };
  }

  /** Scale 1 for elements that are all zero, otherwise the nearest storable one. */
  private static float storable(ScaleFormat format, float extent, float scale) {
    return extent == 0 ? 1f : ScaleCodec.round(format, scale);
  }

  private static float underGlobalScale(float scale) {
    return scale == 0 ? 1f : ScaleCodec.round(ScaleFormat.E4M3_WITH_GLOBAL_F32, scale);
  }

  private static float divide(Arithmetic arithmetic, float amax, float by) {
    return arithmetic == Arithmetic.TORCH_CUDA ? amax * (1f / by) : amax / by;
  }

  /** 2^k clamped to E8M0's range, -127 to 127; the smallest for amax 0. */
  private static float powerOfTwo(QuantSpec spec, float amax) {
    if (amax == 0) {
      return 0x1p-127f;
    }
    float max = spec.format().maxFinite();
    int k =
        switch (spec.scaleRule()) {
          case POWER_FLOOR -> floorLog2(amax) - floorLog2(max);
          case POWER_EVEN -> floorLog2(roundHalfUp(amax, spec.format())) - floorLog2(max);
          case POWER_CEIL -> ceilLog2(amax) - floorLog2(max);
          default -> ceilLog2(amax / max);
        };
    return (float) Math.scalb(1.0, Math.clamp(k, -127, 127));
  }

  /** Adds half a unit of the element's last mantissa bit to the bits of {@code amax}. */
  private static double roundHalfUp(float amax, NumberFormat format) {
    int mantissaBits =
        switch (format) {
          case FloatFormat f -> f.mantissaBits();
          case IntFormat f -> f.bits() - 2;
          case CodebookFormat _ -> 0;
        };
    float rounded =
        Float.intBitsToFloat(Float.floatToRawIntBits(amax) + (1 << (22 - mantissaBits)));
    return rounded < Float.POSITIVE_INFINITY ? rounded : 0x1p128;
  }

  /** Exact for every positive float, subnormal ones included; 0 counts as below all. */
  private static int floorLog2(double x) {
    return Math.getExponent(x);
  }

  private static int ceilLog2(double x) {
    int floor = floorLog2(x);
    return Math.scalb(1.0, floor) == x ? floor : floor + 1;
  }
}
