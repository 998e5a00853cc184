package org.modelopt.formats.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.formats.codec.ScaleRules.ScaleAndZero;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;

/** Scales of given extremes, as the tools named in {@link ScaleRule} make them. */
class ScaleRulesTest {
  private static float scale(QuantSpec spec, float amax) {
    return ScaleRules.ofAmax(spec, Arithmetic.FLOAT32, amax, 1);
  }

  private static QuantSpec int4(ScaleRule rule) {
    return QuantSpec.INT4_BLOCK_128.withScaleRule(rule);
  }

  /** Exponents of torchao and cuBLAS: what "MXFP4" means to different tools. */
  @ParameterizedTest
  @CsvSource({
    "POWER_FLOOR, 5, 0", "POWER_FLOOR, 6.5, 0", "POWER_FLOOR, 7, 0", "POWER_FLOOR, 7.5, 0",
    "POWER_FLOOR, 8, 1", "POWER_EVEN, 7, 1", "POWER_EVEN, 6.9, 0", "POWER_EVEN, 7.5, 1",
    "POWER_ROUND_UP, 6, 0", "POWER_ROUND_UP, 6.5, 1", "POWER_ROUND_UP, 7, 1", "POWER_CEIL, 4, 0",
    "POWER_CEIL, 5, 1", "POWER_CEIL, 6, 1", "POWER_CEIL, 6.5, 1"
  })
  void exponentsOfMxfp4(ScaleRule rule, float amax, int exponent) {
    assertEquals(Math.scalb(1f, exponent), scale(QuantSpec.MXFP4.withScaleRule(rule), amax));
  }

  @ParameterizedTest
  @CsvSource({
    "POWER_FLOOR, 449, 0", "POWER_FLOOR, 500, 0", "POWER_FLOOR, 512, 1", "POWER_ROUND_UP, 449, 1",
    "POWER_ROUND_UP, 448, 0", "POWER_ROUND_UP, 500, 1", "POWER_CEIL, 500, 1", "POWER_EVEN, 500, 1",
    "POWER_EVEN, 479, 0", "POWER_EVEN, 496, 1"
  })
  void exponentsOfMxfp8(ScaleRule rule, float amax, int exponent) {
    assertEquals(Math.scalb(1f, exponent), scale(QuantSpec.MXFP8.withScaleRule(rule), amax));
  }

  /** Scale bytes that Model-Optimizer 0.47 writes. */
  @ParameterizedTest
  @CsvSource({"0, 0", "1, 125", "3, 126", "4, 127", "6, 127", "6.0001, 128", "7, 128", "12, 128"})
  void scaleBytesOfMxfp4(float amax, int expected) {
    assertEquals(expected, ScaleCodec.encode(ScaleFormat.E8M0, scale(QuantSpec.MXFP4, amax)));
  }

  /** Scale bytes and codes of the largest element that Model-Optimizer 0.47 writes. */
  @ParameterizedTest
  @CsvSource({
    "448, 127, 126",
    "1, 119, 120",
    "2, 120, 120",
    ".5, 118, 120",
    "3.5, 120, 126",
    "450, 128, 118",
    "896, 128, 126",
    "1e38, 245, 121",
    "1e-40, 0, 9"
  })
  void scaleBytesAndCodesOfMxfp8(float amax, int scaleByte, int code) {
    float scale = scale(QuantSpec.MXFP8, amax);
    assertEquals(scaleByte, ScaleCodec.encode(ScaleFormat.E8M0, scale));
    assertEquals(code, FloatCodec.encode(FloatFormat.E4M3, amax / scale));
  }

  @Test
  void powersStayWithinE8m0() {
    assertEquals(0x1p-127f, scale(QuantSpec.MXFP8, Float.MIN_VALUE));
    assertEquals(0x1p-127f, scale(QuantSpec.MXFP8, 0));
    assertEquals(0x1p127f, scale(QuantSpec.MXINT8, Float.MAX_VALUE));
    QuantSpec even = QuantSpec.MXINT8.withScaleRule(ScaleRule.POWER_EVEN);
    assertEquals(0x1p127f, scale(even, Float.MAX_VALUE), "rounded up beyond the largest float");
    QuantSpec floor = QuantSpec.MXINT8.withScaleRule(ScaleRule.POWER_FLOOR);
    assertEquals(0x1p-127f, scale(floor, Float.MIN_VALUE));
    assertEquals(0x1p-125f, scale(floor, 0x1p-125f));
    QuantSpec nf4 =
        new QuantSpec(
            CodebookFormat.NF4,
            Granularity.block(32),
            ScaleFormat.E8M0,
            ScaleRule.POWER_EVEN,
            false);
    assertEquals(2f, scale(nf4, 1.5f), "half up without mantissa");
    assertEquals(1f, scale(nf4, 1.49f));
    assertEquals(1f, scale(even, 1.9921f));
    assertEquals(2f, scale(even, 1.9922f), "MXINT8 keeps six fraction bits");
  }

  /** The six numbers of the worked example: scales of three symmetric conventions. */
  @Test
  void scalesOfInt4() {
    assertEquals(1.27f / 7, scale(int4(ScaleRule.AMAX_OVER_MAX), 1.27f));
    assertEquals(2.54f / 15, scale(int4(ScaleRule.HALF_RANGE), 1.27f));
    ScaleAndZero signed = ScaleRules.ofRange(int4(ScaleRule.SIGNED_MAX), -1.27f, .9f);
    assertEquals(.15875f, signed.scale());
    assertEquals(0, signed.zeroPoint());
    assertEquals(-.15875f, ScaleRules.ofRange(int4(ScaleRule.SIGNED_MAX), -.9f, 1.27f).scale());
    assertEquals(-.125f, ScaleRules.ofRange(int4(ScaleRule.SIGNED_MAX), -1, 1).scale());
    assertEquals(1f, ScaleRules.ofRange(int4(ScaleRule.SIGNED_MAX), 0, 0).scale());
  }

  @Test
  void asymmetricScalesOfUint4() {
    QuantSpec withZero = QuantSpec.UINT4_BLOCK_128;
    assertRange(withZero, -1.27f, .9f, 2.17f / 15, 9);
    assertRange(withZero, 1, 4, 4f / 15, 0);
    assertRange(withZero, -3, -1, 3f / 15, 15);
    assertRange(withZero, 0, 0, 1, 0);
    QuantSpec raw = withZero.withScaleRule(ScaleRule.RANGE);
    assertRange(raw, -1.5f, 6, .5f, 3);
    assertRange(raw, 1, 4, 3f / 15, 0);
    assertRange(raw, -4, -1, 3f / 15, 15);
    assertRange(raw, 2, 2, 1e-5f / 15, 0);
  }

  private static void assertRange(QuantSpec spec, float min, float max, float scale, int zero) {
    ScaleAndZero made = ScaleRules.ofRange(spec, min, max);
    assertEquals(scale, made.scale(), Math.ulp(scale));
    assertEquals(zero, made.zeroPoint());
  }

  @Test
  void rulesAskForWhatTheyNeed() {
    for (ScaleRule rule : ScaleRule.values()) {
      QuantSpec spec =
          switch (rule) {
            case RANGE, RANGE_WITH_ZERO -> QuantSpec.UINT4_BLOCK_128.withScaleRule(rule);
            case FOUR_OVER_SIX -> QuantSpec.NVFP4_FOUR_OVER_SIX;
            default -> int4(rule);
          };
      if (!rule.dependsOnAmaxOnly()) {
        assertThrows(IllegalArgumentException.class, () -> scale(spec, 1), rule.name());
      }
      if (rule.dependsOnAmaxOnly() || rule == ScaleRule.FOUR_OVER_SIX) {
        assertThrows(
            IllegalArgumentException.class, () -> ScaleRules.ofRange(spec, 0, 1), rule.name());
      }
    }
  }

  /** 0.25 times -16 to 15, amax 4, Model-Optimizer 0.47. */
  @Test
  void globalScales() {
    assertEquals(4f / 2688, ScaleRules.globalScale(QuantSpec.NVFP4, Arithmetic.FLOAT32, 4));
    QuantSpec six = QuantSpec.NVFP4_FOUR_OVER_SIX;
    assertEquals(4f / 1536, ScaleRules.globalScale(six, Arithmetic.FLOAT32, 4));
    assertEquals(1f, ScaleRules.globalScale(QuantSpec.NVFP4, Arithmetic.FLOAT32, 0));
    assertEquals(1f, ScaleRules.globalScale(QuantSpec.NVFP4, Arithmetic.FLOAT32, 2688));
    assertEquals(1f, ScaleRules.globalScale(QuantSpec.FP8, Arithmetic.FLOAT32, 4));
  }

  /** The reference's helper that casts block scales. */
  @ParameterizedTest
  @CsvSource({
    "0x1p-10, 0x1p-9",
    "1e-12, 0x1p-9",
    "1e-6, 0x1p-9",
    "1, 1",
    "100, 96",
    "448, 448",
    "1000, 448",
    "1e6, 448"
  })
  void blockScalesAreClampedToE4m3(float scale, float expected) {
    assertEquals(expected, ScaleCodec.round(ScaleFormat.E4M3_WITH_GLOBAL_F32, scale));
  }

  @Test
  void blockScalesUnderAGlobalScale() {
    float global = 4f / 2688;
    assertEquals(448, ScaleRules.ofAmax(QuantSpec.NVFP4, Arithmetic.FLOAT32, 4, global));
    assertEquals(416, ScaleRules.ofAmax(QuantSpec.NVFP4, Arithmetic.FLOAT32, 3.75f, global));
    assertEquals(448, ScaleRules.ofAmax(QuantSpec.NVFP4, Arithmetic.FLOAT32, 6, global));
    assertEquals(1, ScaleRules.ofAmax(QuantSpec.NVFP4, Arithmetic.FLOAT32, 0, global));
    assertEquals(
        0x1p-9f, ScaleRules.ofAmax(QuantSpec.NVFP4, Arithmetic.FLOAT32, 1e-10f, 1), "weight 1e-10");
  }

  /** Block 10 20 30 40 of amax 40: the scale of 6 and the scale of 4. */
  @Test
  void candidatesOfFourOverSix() {
    float global = ScaleRules.globalScale(QuantSpec.NVFP4_FOUR_OVER_SIX, Arithmetic.FLOAT32, 40);
    assertArrayEquals(new float[] {256, 384}, ScaleRules.fourOverSix(40, global));
    assertArrayEquals(new float[] {1, 1}, ScaleRules.fourOverSix(0, global));
  }

  @Test
  void scalesOfZerosAreOne() {
    assertEquals(1f, scale(QuantSpec.FP8, 0));
    assertEquals(1f, scale(int4(ScaleRule.HALF_RANGE), 0));
    assertEquals(1f, scale(QuantSpec.INT8, 0));
  }

  @Test
  void tinyScalesStayPositive() {
    assertEquals(Float.MIN_VALUE, scale(QuantSpec.FP8, Float.MIN_VALUE));
    QuantSpec f16 = QuantSpec.FP8.withScaleFormat(ScaleFormat.F16);
    assertEquals(0x1p-24f, scale(f16, 1e-9f));
    assertEquals(65504f, scale(f16, 1e38f));
    QuantSpec bf16 = QuantSpec.FP8.withScaleFormat(ScaleFormat.BF16);
    assertEquals(0x1p-133f, scale(bf16, Float.MIN_VALUE));
    QuantSpec nf4 = QuantSpec.NF4.withScaleFormat(ScaleFormat.BF16);
    assertEquals(Bits.MAX_BF16, scale(nf4, Float.MAX_VALUE), "not infinite");
  }

  @Test
  void gpusMultiplyByTheReciprocal() {
    assertEquals(0x1.292492p-11f, scale(QuantSpec.FP8, .25390625f));
    assertEquals(
        0x1.292494p-11f, ScaleRules.ofAmax(QuantSpec.FP8, Arithmetic.TORCH_CUDA, .25390625f, 1));
  }

  @Test
  void storedScalesAreReadBack() {
    assertStored(ScaleFormat.F32, -3.25f, Float.floatToRawIntBits(-3.25f));
    assertStored(ScaleFormat.F16, 1.5f, 0x3E00);
    assertStored(ScaleFormat.F16, -1.5f, 0xBE00);
    assertStored(ScaleFormat.BF16, 1.5f, 0x3FC0);
    assertStored(ScaleFormat.BF16, -1.5f, 0xBFC0);
    assertStored(ScaleFormat.E8M0, 1, 127);
    assertStored(ScaleFormat.E8M0, 0x1p-127f, 0);
    assertStored(ScaleFormat.E8M0, 0x1p127f, 254);
    assertStored(ScaleFormat.E4M3_WITH_GLOBAL_F32, 448, 126);
    assertEquals(Float.NaN, ScaleCodec.decode(ScaleFormat.E8M0, 255));
    assertEquals(Float.NaN, ScaleCodec.decode(ScaleFormat.E4M3_WITH_GLOBAL_F32, 127));
  }

  private static void assertStored(ScaleFormat format, float scale, int bits) {
    assertEquals(bits, ScaleCodec.encode(format, scale));
    assertEquals(scale, ScaleCodec.decode(format, bits));
    assertEquals(scale, ScaleCodec.round(format, scale));
  }
}
