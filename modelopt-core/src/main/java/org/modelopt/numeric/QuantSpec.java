package org.modelopt.numeric;

import static org.modelopt.numeric.ScaleRule.AMAX_OVER_MAX;
import static org.modelopt.numeric.ScaleRule.FOUR_OVER_SIX;
import static org.modelopt.numeric.ScaleRule.POWER_ROUND_UP;
import static org.modelopt.numeric.ScaleRule.RANGE_WITH_ZERO;

import org.modelopt.numeric.IntFormat.Range;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;

/**
 * A complete quantization format: element encoding, sharing, storage and rule of scales, and when
 * scales are computed. The constants are the formats that have a name; any other sensible
 * combination works as well.
 *
 * @param format how an element is encoded
 * @param granularity which elements share a scale
 * @param scaleFormat how scales are stored
 * @param scaleRule how a scale follows from the elements that share it
 * @param dynamic whether scales are computed from each input as it comes instead of by calibration
 */
public record QuantSpec(
    NumberFormat format,
    Granularity granularity,
    ScaleFormat scaleFormat,
    ScaleRule scaleRule,
    boolean dynamic) {
  /** FP8 E4M3, one float32 scale per tensor, {@code amax / 448}. */
  public static final QuantSpec FP8 = of(FloatFormat.E4M3, Granularity.perTensor());

  /** FP8 E4M3, one float32 scale per row of a weight. */
  public static final QuantSpec FP8_PER_CHANNEL = of(FloatFormat.E4M3, Granularity.perChannel());

  /** FP8 E4M3 for activations, one float32 scale per token, computed as it comes. */
  public static final QuantSpec FP8_PER_TOKEN =
      of(FloatFormat.E4M3, Granularity.perToken()).asDynamic();

  /** FP8 E4M3, one float32 scale per tile of 128 by 128. */
  public static final QuantSpec FP8_BLOCK_128X128 =
      of(FloatFormat.E4M3, Granularity.block2d(128, 128));

  /** FP8 E4M3 for activations beside {@link #FP8_BLOCK_128X128}: per 128 elements of a token. */
  public static final QuantSpec FP8_TOKEN_BLOCK_128 =
      of(FloatFormat.E4M3, Granularity.block(128)).asDynamic();

  /** INT8, one float32 scale per tensor, {@code amax / 127}. */
  public static final QuantSpec INT8 = of(IntFormat.INT8, Granularity.perTensor());

  /** INT8, one float32 scale per row of a weight. */
  public static final QuantSpec INT8_PER_CHANNEL = of(IntFormat.INT8, Granularity.perChannel());

  /** INT8 for activations, one float32 scale per token, computed as it comes. */
  public static final QuantSpec INT8_PER_TOKEN =
      of(IntFormat.INT8, Granularity.perToken()).asDynamic();

  /** INT4, one float32 scale per 128 elements, {@code amax / 7}. */
  public static final QuantSpec INT4_BLOCK_128 = int4Block(128);

  /** INT4, one float32 scale per 64 elements. */
  public static final QuantSpec INT4_BLOCK_64 = int4Block(64);

  /** INT4, one float32 scale per 32 elements. */
  public static final QuantSpec INT4_BLOCK_32 = int4Block(32);

  /** INT4 from 0 to 15 with zero point, one float32 scale per 128 elements. */
  public static final QuantSpec UINT4_BLOCK_128 =
      new QuantSpec(
          IntFormat.UINT4, Granularity.block(128), ScaleFormat.F32, RANGE_WITH_ZERO, false);

  /** MXFP8 with E4M3 elements: blocks of 32 under a power of two. */
  public static final QuantSpec MXFP8 = mx(FloatFormat.E4M3);

  /** MXFP8 with E5M2 elements. */
  public static final QuantSpec MXFP8_E5M2 = mx(FloatFormat.E5M2);

  /** MXFP6 with E3M2 elements. */
  public static final QuantSpec MXFP6 = mx(FloatFormat.E3M2);

  /** MXFP6 with E2M3 elements. */
  public static final QuantSpec MXFP6_E2M3 = mx(FloatFormat.E2M3);

  /** MXFP4: E2M1 in blocks of 32 under a power of two. */
  public static final QuantSpec MXFP4 = mx(FloatFormat.E2M1);

  /** MXINT8: fixed-point elements in blocks of 32 under a power of two. */
  public static final QuantSpec MXINT8 = mx(IntFormat.MX_INT8);

  /** NVFP4: E2M1 in blocks of 16 under E4M3 scales and one float32 scale, {@code amax / 2688}. */
  public static final QuantSpec NVFP4 = nvfp4(AMAX_OVER_MAX);

  /** NVFP4 that takes, per block, the better of two scales. */
  public static final QuantSpec NVFP4_FOUR_OVER_SIX = nvfp4(FOUR_OVER_SIX);

  /** NormalFloat4: blocks of 64, one float32 scale each, amax. */
  public static final QuantSpec NF4 = of(CodebookFormat.NF4, Granularity.block(64));

  /** Checks that the parts fit each other. */
  public QuantSpec {
    boolean powers = scaleFormat == ScaleFormat.E8M0;
    if (powers && !scaleRule.isPowerOfTwo()) {
      throw misfit("E8M0 scales need a rule that gives powers of two, not " + scaleRule);
    }
    if (scaleFormat.hasGlobalScale() && scaleRule != AMAX_OVER_MAX && scaleRule != FOUR_OVER_SIX) {
      throw misfit("scales under a global scale cannot follow " + scaleRule);
    }
    switch (scaleRule) {
      case HALF_RANGE, SIGNED_MAX -> requireRange(format, Range.FULL, scaleRule);
      case RANGE, RANGE_WITH_ZERO -> requireRange(format, Range.UNSIGNED, scaleRule);
      case FOUR_OVER_SIX -> {
        if (!format.equals(FloatFormat.E2M1)
            || !scaleFormat.hasGlobalScale()
            || !(granularity instanceof Granularity.Block)) {
          throw misfit("FOUR_OVER_SIX is for blocks of E2M1 with E4M3_WITH_GLOBAL_F32 scales");
        }
      }
      case AMAX_OVER_MAX, POWER_FLOOR, POWER_EVEN, POWER_CEIL, POWER_ROUND_UP -> {}
    }
  }

  private static void requireRange(NumberFormat format, Range range, ScaleRule rule) {
    if (!(format instanceof IntFormat ints) || ints.range() != range) {
      throw misfit(rule + " is for integers of range " + range + ", not for " + format.name());
    }
  }

  private static IllegalArgumentException misfit(String message) {
    return new IllegalArgumentException(message);
  }

  /** A static format with float32 scales {@code amax / max}. */
  public static QuantSpec of(NumberFormat format, Granularity granularity) {
    return new QuantSpec(format, granularity, ScaleFormat.F32, AMAX_OVER_MAX, false);
  }

  /** INT4 with a float32 scale per {@code size} elements. */
  public static QuantSpec int4Block(int size) {
    return of(IntFormat.INT4, Granularity.block(size));
  }

  private static QuantSpec mx(NumberFormat format) {
    return new QuantSpec(format, Granularity.block(32), ScaleFormat.E8M0, POWER_ROUND_UP, false);
  }

  private static QuantSpec nvfp4(ScaleRule rule) {
    return new QuantSpec(
        FloatFormat.E2M1, Granularity.block(16), ScaleFormat.E4M3_WITH_GLOBAL_F32, rule, false);
  }

  /** The same format with scales computed from each input as it comes. */
  public QuantSpec asDynamic() {
    return new QuantSpec(format, granularity, scaleFormat, scaleRule, true);
  }

  /** The same format with other elements sharing a scale. */
  public QuantSpec withGranularity(Granularity newGranularity) {
    return new QuantSpec(format, newGranularity, scaleFormat, scaleRule, dynamic);
  }

  /** The same format with scales stored otherwise. */
  public QuantSpec withScaleFormat(ScaleFormat newScaleFormat) {
    return new QuantSpec(format, granularity, newScaleFormat, scaleRule, dynamic);
  }

  /** The same format with another rule for scales. */
  public QuantSpec withScaleRule(ScaleRule newScaleRule) {
    return new QuantSpec(format, granularity, scaleFormat, newScaleRule, dynamic);
  }

  /** Type of {@link QuantizedTensor#codes()}. */
  public DType codesDType() {
    return switch (format) {
      case FloatFormat f when f.equals(FloatFormat.E4M3) -> DType.F8_E4M3;
      case FloatFormat f when f.equals(FloatFormat.E5M2) -> DType.F8_E5M2;
      case IntFormat f when f.bits() == 8 && f.range() != Range.UNSIGNED -> DType.I8;
      case FloatFormat _, IntFormat _, CodebookFormat _ -> DType.U8;
    };
  }

  /** Shape of {@link QuantizedTensor#codes()} for a tensor of {@code shape}. */
  public Shape codesShape(Shape shape) {
    long[] dims = shape.dims().stream().mapToLong(Long::longValue).toArray();
    if (dims.length > 0) {
      dims[dims.length - 1] = Math.ceilDiv(shape.columns() * format.bits(), 8L);
    }
    return Shape.of(dims);
  }

  /** Whether a tensor has one scale for all of it, beside or instead of others. */
  public boolean hasTensorScale() {
    return scaleFormat.hasGlobalScale() || granularity instanceof Granularity.PerTensor;
  }

  /**
   * Average bits that a large tensor takes per element, scales and zero points included: 4.5 for
   * NVFP4.
   *
   * @param columns length of a row, which matters where a row has a scale
   */
  public double bitsPerElement(long columns) {
    double elementsPerScale =
        switch (granularity) {
          case Granularity.PerTensor() -> Double.POSITIVE_INFINITY;
          case Granularity.PerChannel(), Granularity.PerToken() -> columns;
          case Granularity.Block(int size) -> size;
          case Granularity.Block2d(int tileRows, int tileColumns) ->
              (double) tileRows * tileColumns;
        };
    int zeroPointBits = scaleRule.hasZeroPoints() ? format.bits() : 0;
    return format.bits() + (scaleFormat.dtype().bits() + zeroPointBits) / elementsPerScale;
  }
}
