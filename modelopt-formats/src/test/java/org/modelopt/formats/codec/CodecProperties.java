package org.modelopt.formats.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.IntFormat;

/** Laws of codes of single numbers. */
class CodecProperties {
  @Provide
  Arbitrary<FloatFormat> floatFormats() {
    return Arbitraries.of(
        FloatFormat.E4M3, FloatFormat.E5M2, FloatFormat.E3M2, FloatFormat.E2M3, FloatFormat.E2M1);
  }

  @Provide
  Arbitrary<IntFormat> intFormats() {
    return Arbitraries.integers()
        .between(2, 8)
        .flatMap(bits -> Arbitraries.of(IntFormat.Range.values()).map(r -> new IntFormat(bits, r)));
  }

  /** Any finite float, and numbers in the middle of the formats more often. */
  @Provide
  Arbitrary<Float> numbers() {
    Arbitrary<Float> patterns =
        Arbitraries.integers().map(Float::intBitsToFloat).filter(Float::isFinite);
    Arbitrary<Float> middling =
        Arbitraries.integers().between(-1 << 28, 1 << 28).map(k -> k * 0x1.01p-19f);
    Arbitrary<Float> dyadic =
        Arbitraries.integers()
            .between(-256, 256)
            .flatMap(
                k -> Arbitraries.integers().between(-18, 8).map(e -> Math.scalb((float) k, e)));
    return Arbitraries.oneOf(patterns, middling, dyadic);
  }

  @Property(tries = 400)
  void decodingAndEncodingGivesTheCode(
      @ForAll("floatFormats") FloatFormat format, @ForAll @IntRange(max = 255) int code) {
    int field = code & ((1 << format.bits()) - 1);
    float value = FloatCodec.decode(format, field);
    if (Float.isFinite(value)) {
      assertEquals(field, FloatCodec.encode(format, value));
    }
  }

  /** Of all values none is nearer; of two equally near ones the code is even. */
  @Property(tries = 400)
  void theNearestValueIsTaken(
      @ForAll("floatFormats") FloatFormat format, @ForAll("numbers") float x) {
    int code = FloatCodec.encode(format, x);
    double bounded = Math.clamp(x, -format.maxFinite(), format.maxFinite());
    double distance = Math.abs(FloatCodec.decode(format, code) - bounded);
    int sign = code & (1 << (format.bits() - 1));
    for (int other = 0; other <= FloatCodec.maxCode(format); other++) {
      double otherDistance = Math.abs(FloatCodec.decode(format, sign | other) - bounded);
      assertTrue(distance <= otherDistance, () -> "nearer to " + x);
      assertTrue(
          (sign | other) == code || distance < otherDistance || code % 2 == 0, () -> "tie " + x);
    }
  }

  @Property(tries = 400)
  void roundingIsMonotone(
      @ForAll("floatFormats") FloatFormat format,
      @ForAll("numbers") float a,
      @ForAll("numbers") float b) {
    float low = FloatCodec.decode(format, FloatCodec.encode(format, Math.min(a, b)));
    float high = FloatCodec.decode(format, FloatCodec.encode(format, Math.max(a, b)));
    assertTrue(low <= high);
  }

  @Property(tries = 400)
  void signsAreSymmetric(@ForAll("floatFormats") FloatFormat format, @ForAll("numbers") float x) {
    int signBit = 1 << (format.bits() - 1);
    assertEquals(FloatCodec.encode(format, x) ^ signBit, FloatCodec.encode(format, -x));
    assertEquals(
        FloatCodec.encodeTiesTowardZero(format, x) ^ signBit,
        FloatCodec.encodeTiesTowardZero(format, -x));
  }

  /** The step at |x| is 2^-M of its binade, or that of the subnormal values. */
  @Property(tries = 400)
  void errorIsAtMostHalfAStep(
      @ForAll("floatFormats") FloatFormat format, @ForAll("numbers") float x) {
    if (Math.abs(x) <= format.maxFinite()) {
      int exponent = Math.max(Math.getExponent((double) x), 1 - format.bias());
      double step = Math.scalb(1.0, exponent - format.mantissaBits());
      double value = FloatCodec.decode(format, FloatCodec.encode(format, x));
      assertTrue(Math.abs(value - x) <= step / 2);
      double truncated = FloatCodec.decode(format, FloatCodec.encodeTiesTowardZero(format, x));
      assertTrue(Math.abs(truncated - x) <= step / 2);
    }
  }

  @Property(tries = 400)
  void stochasticRoundingGivesOneOfTheNeighbours(
      @ForAll("floatFormats") FloatFormat format,
      @ForAll("numbers") float x,
      @ForAll @IntRange int draw) {
    double u = draw * 0x1p-31;
    int low = FloatCodec.encodeStochastic(format, x, 0);
    double bounded = Math.clamp(x, -format.maxFinite(), format.maxFinite());
    double lower = FloatCodec.decode(format, low);
    assertTrue(Math.abs(lower) <= Math.abs(bounded), "never beyond the number");
    int code = FloatCodec.encodeStochastic(format, x, u);
    if (lower == bounded) {
      assertEquals(low, code, "representable numbers stay");
      return;
    }
    double upper = FloatCodec.decode(format, low + 1);
    assertTrue(Math.abs(bounded) < Math.abs(upper));
    double distance = (bounded - lower) / (upper - lower);
    if (Math.abs(distance + u - 1) > 1e-9) {
      assertEquals(distance + u > 1 ? low + 1 : low, code);
    }
  }

  @Property(tries = 400)
  void integersAreTheNearest(@ForAll("intFormats") IntFormat format, @ForAll("numbers") float x) {
    int code = IntCodec.encode(format, x, 0);
    int value = IntCodec.decode(format, code, 0);
    assertEquals((int) Math.clamp(Math.rint(x), format.min(), format.max()), value);
    assertEquals(code, IntCodec.encode(format, value, 0));
    assertEquals(0, code >>> format.bits());
  }

  @Property(tries = 400)
  void zeroPointsMoveTheRange(
      @ForAll @IntRange(min = 2, max = 8) int bits,
      @ForAll @IntRange(max = 255) int point,
      @ForAll("numbers") float x) {
    IntFormat format = new IntFormat(bits, IntFormat.Range.UNSIGNED);
    int zeroPoint = point % (1 << bits);
    int value = IntCodec.decode(format, IntCodec.encode(format, x, zeroPoint), zeroPoint);
    assertEquals((int) Math.clamp(Math.rint(x), -zeroPoint, format.max() - zeroPoint), value);
  }

  @Property(tries = 400)
  void codebooksTakeTheNearestLevel(@ForAll("numbers") float x) {
    CodebookFormat nf4 = CodebookFormat.NF4;
    double distance =
        Math.abs((double) CodebookCodec.decode(nf4, CodebookCodec.encode(nf4, x)) - x);
    for (float level : nf4.levels()) {
      assertTrue(distance <= Math.abs((double) level - x));
    }
  }

  @Property(tries = 400)
  void powersAreTheNearest(@ForAll("numbers") float x) {
    int code = PowerCodec.encode(x);
    if (x <= 0) {
      assertEquals(255, code);
      return;
    }
    double distance = Math.abs((double) PowerCodec.decode(code) - x);
    for (int other = 0; other < 255; other++) {
      assertTrue(distance <= Math.abs((double) PowerCodec.decode(other) - x));
    }
  }
}
