package org.modelopt.formats.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.modelopt.numeric.FloatFormat;

/** Tables of OCP Microscaling Formats v1.0 section 5 and of the OFP8 specification. */
class FloatCodecTest {
  private static final float[] E2M1 = {0, .5f, 1, 1.5f, 2, 3, 4, 6};
  private static final float[] E2M3 = {
    0, .125f, .25f, .375f, .5f, .625f, .75f, .875f, 1, 1.125f, 1.25f, 1.375f, 1.5f, 1.625f, 1.75f,
    1.875f, 2, 2.25f, 2.5f, 2.75f, 3, 3.25f, 3.5f, 3.75f, 4, 4.5f, 5, 5.5f, 6, 6.5f, 7, 7.5f
  };
  private static final float[] E3M2 = {
    0, .0625f, .125f, .1875f, .25f, .3125f, .375f, .4375f, .5f, .625f, .75f, .875f, 1, 1.25f, 1.5f,
    1.75f, 2, 2.5f, 3, 3.5f, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28
  };

  @Test
  void narrowFormatsHaveTheListedValues() {
    assertArrayEquals(E2M1, values(FloatFormat.E2M1, 0, 8));
    assertArrayEquals(E2M3, values(FloatFormat.E2M3, 0, 32));
    assertArrayEquals(E3M2, values(FloatFormat.E3M2, 0, 32));
  }

  @Test
  void e4m3HasTheListedValues() {
    float[] subnormal = new float[8];
    for (int k = 0; k < 8; k++) {
      subnormal[k] = k * 0x1p-9f;
    }
    assertArrayEquals(subnormal, values(FloatFormat.E4M3, 0, 8));
    assertArrayEquals(
        new float[] {.25f, .28125f, .3125f, .34375f, .375f, .40625f, .4375f, .46875f},
        values(FloatFormat.E4M3, 0x28, 8));
    assertArrayEquals(
        new float[] {128, 144, 160, 176, 192, 208, 224, 240}, values(FloatFormat.E4M3, 0x70, 8));
    assertArrayEquals(
        new float[] {256, 288, 320, 352, 384, 416, 448, Float.NaN},
        values(FloatFormat.E4M3, 0x78, 8));
    assertArrayEquals(
        new float[] {-448, Float.NaN}, values(FloatFormat.E4M3, 0xFE, 2), "negative ones");
  }

  @Test
  void e5m2HasTheListedValues() {
    assertArrayEquals(
        new float[] {0, 1.52587890625e-5f, 3.0517578125e-5f, 4.57763671875e-5f, 6.103515625e-5f},
        values(FloatFormat.E5M2, 0, 5));
    assertArrayEquals(new float[] {1, 1.25f, 1.5f, 1.75f}, values(FloatFormat.E5M2, 0x3C, 4));
    assertArrayEquals(
        new float[] {
          32768, 40960, 49152, 57344, Float.POSITIVE_INFINITY, Float.NaN, Float.NaN, Float.NaN
        },
        values(FloatFormat.E5M2, 0x78, 8));
    assertEquals(Float.NEGATIVE_INFINITY, FloatCodec.decode(FloatFormat.E5M2, 0xFC));
  }

  private static float[] values(FloatFormat format, int from, int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = FloatCodec.decode(format, from + i);
    }
    return values;
  }

  @Test
  void largestFiniteCodes() {
    assertEquals(0x7E, FloatCodec.maxCode(FloatFormat.E4M3));
    assertEquals(0x7B, FloatCodec.maxCode(FloatFormat.E5M2));
    assertEquals(0x1F, FloatCodec.maxCode(FloatFormat.E3M2));
    assertEquals(0x1F, FloatCodec.maxCode(FloatFormat.E2M3));
    assertEquals(0x7, FloatCodec.maxCode(FloatFormat.E2M1));
  }

  /** Halfway between neighbours, the one with the even code; tables of every tie. */
  @Test
  void tiesGoToTheEvenCode() {
    assertTies(FloatFormat.E2M1, 0, 1, 1, 2, 2, 4, 4);
    assertTies(
        FloatFormat.E3M2,
        0,
        .125f,
        .125f,
        .25f,
        .25f,
        .375f,
        .375f,
        .5f,
        .5f,
        .75f,
        .75f,
        1,
        1,
        1.5f,
        1.5f,
        2,
        2,
        3,
        3,
        4,
        4,
        6,
        6,
        8,
        8,
        12,
        12,
        16,
        16,
        24,
        24);
    assertTies(
        FloatFormat.E2M3,
        0,
        .25f,
        .25f,
        .5f,
        .5f,
        .75f,
        .75f,
        1,
        1,
        1.25f,
        1.25f,
        1.5f,
        1.5f,
        1.75f,
        1.75f,
        2,
        2,
        2.5f,
        2.5f,
        3,
        3,
        3.5f,
        3.5f,
        4,
        4,
        5,
        5,
        6,
        6,
        7,
        7);
  }

  private static void assertTies(FloatFormat format, float... expected) {
    assertEquals(FloatCodec.maxCode(format), expected.length);
    for (int code = 0; code < expected.length; code++) {
      float middle = (FloatCodec.decode(format, code) + FloatCodec.decode(format, code + 1)) / 2;
      assertEquals(expected[code], roundTrip(format, middle), format.name() + " " + middle);
      assertEquals(-expected[code], roundTrip(format, -middle), format.name() + " " + -middle);
    }
  }

  private static float roundTrip(FloatFormat format, float x) {
    return FloatCodec.decode(format, FloatCodec.encode(format, x));
  }

  @ParameterizedTest
  @CsvSource({
    ".3, .3125",
    "1.3, 1.25",
    "17, 16",
    "19, 20",
    "464, 448",
    "500, 448",
    "-1e9, -448",
    "0x1p-10, 0",
    "0x3p-10, 0x1p-8",
    ".001, 0x1p-9"
  })
  void samplesOfE4m3(float x, float expected) {
    assertEquals(expected, roundTrip(FloatFormat.E4M3, x));
  }

  /** MXFP4 of Model-Optimizer 0.47: as many thresholds as are strictly below. */
  @Test
  void tiesTowardZeroGoToTheSmallerMagnitude() {
    float[] ties = {.25f, .75f, 1.25f, 1.75f, 2.5f, 3.5f, 5};
    for (int code = 0; code < ties.length; code++) {
      assertEquals(code, FloatCodec.encodeTiesTowardZero(FloatFormat.E2M1, ties[code]));
      assertEquals(code + 8, FloatCodec.encodeTiesTowardZero(FloatFormat.E2M1, -ties[code]));
      float above = Math.nextUp(ties[code]);
      assertEquals(code + 1, FloatCodec.encodeTiesTowardZero(FloatFormat.E2M1, above));
    }
    assertEquals(7, FloatCodec.encodeTiesTowardZero(FloatFormat.E2M1, 6.5f));
    assertEquals(0, FloatCodec.encodeTiesTowardZero(FloatFormat.E2M1, Float.NaN));
  }

  /** Codes of Model-Optimizer 0.47, {@code NVFP4QTensor}. */
  @Test
  void e2m1Codes() {
    float[] x = {
      0, .25f, .2500001f, .75f, .7499f, 1.25f, 1.75f, 2.5f, 3.5f, 5, 5.01f, 7, -.25f, -.1f, -.75f,
      -5, -6
    };
    int[] expected = {0, 0, 1, 2, 1, 2, 4, 4, 6, 6, 7, 7, 8, 8, 10, 14, 15};
    int[] codes =
        IntStream.range(0, x.length).map(i -> FloatCodec.encode(FloatFormat.E2M1, x[i])).toArray();
    assertArrayEquals(expected, codes);
  }

  @Test
  void signOfZeroIsKept() {
    assertEquals(0, FloatCodec.encode(FloatFormat.E4M3, 0f));
    assertEquals(0x80, FloatCodec.encode(FloatFormat.E4M3, -0f));
    assertEquals(0x8, FloatCodec.encode(FloatFormat.E2M1, -0f));
    assertEquals(-0f, FloatCodec.decode(FloatFormat.E2M3, 0x20));
  }

  @Test
  void infinitiesSaturateAndNanBecomesTheFormatsNanOrZero() {
    assertEquals(0x7B, FloatCodec.encode(FloatFormat.E5M2, Float.POSITIVE_INFINITY));
    assertEquals(0xFE, FloatCodec.encode(FloatFormat.E4M3, Float.NEGATIVE_INFINITY));
    assertEquals(0xF, FloatCodec.encode(FloatFormat.E2M1, Float.NEGATIVE_INFINITY));
    assertEquals(0x7F, FloatCodec.encode(FloatFormat.E4M3, Float.NaN));
    assertEquals(0x7F, FloatCodec.encode(FloatFormat.E5M2, Float.NaN));
    assertEquals(0, FloatCodec.encode(FloatFormat.E3M2, Float.NaN));
  }

  @Test
  void bitsAboveTheWidthAreIgnored() {
    assertEquals(-6, FloatCodec.decode(FloatFormat.E2M1, 0xFFFFFFFF));
    assertEquals(1.5f, FloatCodec.decode(FloatFormat.E2M1, 0x53));
  }

  @Test
  void stochasticRoundingSplitsTheGapInProportion() {
    // 2.25 is a quarter of the way from 2 (code 4) to 3 (code 5).
    assertEquals(4, FloatCodec.encodeStochastic(FloatFormat.E2M1, 2.25f, .7499));
    assertEquals(5, FloatCodec.encodeStochastic(FloatFormat.E2M1, 2.25f, .75));
    assertEquals(12, FloatCodec.encodeStochastic(FloatFormat.E2M1, -2.25f, 0));
    assertEquals(13, FloatCodec.encodeStochastic(FloatFormat.E2M1, -2.25f, .75));
    assertEquals(7, FloatCodec.encodeStochastic(FloatFormat.E2M1, 1e9f, 0));
    assertEquals(0x7F, FloatCodec.encodeStochastic(FloatFormat.E4M3, Float.NaN, .5));
  }
}
