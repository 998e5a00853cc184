package org.modelopt.numeric;

/**
 * A complete quantization format: element encoding, sharing, storage and rule of scales, and when
 * scales are computed.
 *
 * @param format how an element is encoded
 * @param granularity which elements share a scale
 * @param scaleFormat how scales are stored
 * @param scaleRule how a scale follows from amax
 * @param dynamic whether scales are computed from each input as it comes instead of by calibration
 */
public record QuantSpec(
    NumberFormat format,
    Granularity granularity,
    ScaleFormat scaleFormat,
    ScaleRule scaleRule,
    boolean dynamic) {
  /** FP8 E4M3, one float32 scale per tensor, {@code amax / 448}. */
  public static final QuantSpec FP8 =
      new QuantSpec(
          FloatFormat.E4M3,
          Granularity.perTensor(),
          ScaleFormat.F32,
          ScaleRule.AMAX_OVER_MAX,
          false);
}
