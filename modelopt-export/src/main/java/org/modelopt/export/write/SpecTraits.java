package org.modelopt.export.write;

import java.util.Optional;
import java.util.OptionalInt;
import org.modelopt.decision.InputDecision;
import org.modelopt.decision.Quantization;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.IntFormat.Range;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;

/**
 * What files say of a format, and what they do not: the rule by which scales were found is not
 * stored anywhere.
 *
 * @param spec the format
 */
public record SpecTraits(QuantSpec spec) {
  /** Traits of the format of a linear's input, if it is quantized. */
  public static Optional<SpecTraits> ofInput(Optional<InputDecision> input) {
    return input.flatMap(InputDecision::quantization).map(Quantization::spec).map(SpecTraits::new);
  }

  /** Whether codes are E4M3 under float32 scales. */
  public boolean isFp8() {
    return spec.format().equals(FloatFormat.E4M3) && spec.scaleFormat() == ScaleFormat.F32;
  }

  /** Whether this is E4M3 in blocks of 32 under powers of two. */
  public boolean isMxfp8() {
    return spec.format().equals(FloatFormat.E4M3) && isPowerOfTwoBlock();
  }

  /** Whether this is E2M1 in blocks of 32 under powers of two. */
  public boolean isMxfp4() {
    return spec.format().equals(FloatFormat.E2M1) && isPowerOfTwoBlock();
  }

  private boolean isPowerOfTwoBlock() {
    return spec.scaleFormat() == ScaleFormat.E8M0 && block().equals(OptionalInt.of(32));
  }

  /** Whether this is E2M1 under E4M3 scales and a global one, in blocks of {@code size}. */
  public boolean isNvfp4(int size) {
    return spec.format().equals(FloatFormat.E2M1)
        && spec.scaleFormat().hasGlobalScale()
        && block().equals(OptionalInt.of(size));
  }

  /** Whether codes are integers of {@code bits} in two's complement. */
  public boolean isSigned(int bits) {
    return spec.format() instanceof IntFormat(int width, Range range, int fraction)
        && width == bits
        && range != Range.UNSIGNED
        && fraction == 0
        && hasWideScales();
  }

  /** Whether codes are integers of {@code bits} with zero points. */
  public boolean hasZeroPoints(int bits) {
    return spec.format() instanceof IntFormat(int width, Range range, _)
        && width == bits
        && range == Range.UNSIGNED
        && spec.scaleRule().hasZeroPoints()
        && hasWideScales();
  }

  private boolean hasWideScales() {
    return spec.scaleFormat().dtype().isWideFloat();
  }

  /** Whether one scale serves the whole tensor. */
  public boolean isPerTensor() {
    return spec.granularity() instanceof Granularity.PerTensor;
  }

  /** Whether every row has a scale. */
  public boolean isPerRow() {
    return spec.granularity() instanceof Granularity.PerChannel
        || spec.granularity() instanceof Granularity.PerToken;
  }

  /** Elements of a row under one scale, if scales are for blocks of a row. */
  public OptionalInt block() {
    return spec.granularity() instanceof Granularity.Block(int size)
        ? OptionalInt.of(size)
        : OptionalInt.empty();
  }

  /** Whether scales are for tiles of {@code size} by {@code size}. */
  public boolean isTiled(int size) {
    return spec.granularity().equals(Granularity.block2d(size, size));
  }

  /** Whether this is a static format with one scale, for inputs. */
  public boolean isStaticTensor() {
    return isPerTensor() && !spec.dynamic();
  }

  /** Whether scales are computed for each token as it comes. */
  public boolean isDynamicToken() {
    return isPerRow() && spec.dynamic();
  }
}
