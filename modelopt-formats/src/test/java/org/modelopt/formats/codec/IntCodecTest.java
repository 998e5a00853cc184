package org.modelopt.formats.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.modelopt.numeric.CodebookFormat;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.IntFormat.Range;

/** Codes of integers and of codebooks. */
class IntCodecTest {
  @Test
  void tiesGoToTheEvenInteger() {
    float[] x = {-2.5f, -1.5f, -.5f, .5f, 1.5f, 2.5f, 63.5f};
    int[] expected = {-2, -2, 0, 0, 2, 2, 64};
    for (int i = 0; i < x.length; i++) {
      int code = IntCodec.encode(IntFormat.INT8, x[i], 0);
      assertEquals(expected[i], IntCodec.decode(IntFormat.INT8, code, 0), "rint " + x[i]);
    }
  }

  @Test
  void rangesEndWhereTheySay() {
    IntFormat narrow = new IntFormat(4, Range.NARROW);
    assertEquals(0x9, IntCodec.encode(narrow, -100, 0));
    assertEquals(0x7, IntCodec.encode(narrow, 100, 0));
    assertEquals(0x8, IntCodec.encode(IntFormat.INT4, -100, 0));
    assertEquals(0x80, IntCodec.encode(IntFormat.INT8, Float.NEGATIVE_INFINITY, 0));
    assertEquals(0x7F, IntCodec.encode(IntFormat.INT8, Float.POSITIVE_INFINITY, 0));
    assertEquals(0, IntCodec.encode(IntFormat.UINT4, -1, 0));
    assertEquals(15, IntCodec.encode(IntFormat.UINT4, 16, 0));
    assertEquals(3, IntCodec.encode(new IntFormat(2, Range.UNSIGNED), 9, 0));
    assertEquals(2, IntCodec.encode(new IntFormat(2, Range.FULL), -9, 0));
    assertEquals(3, IntCodec.encode(new IntFormat(3, Range.FULL), 9, 0));
    assertEquals(0x21, IntCodec.encode(new IntFormat(6, Range.NARROW), -99, 0));
  }

  @Test
  void zeroPointsShift() {
    assertEquals(0, IntCodec.encode(IntFormat.UINT4, -9, 9));
    assertEquals(15, IntCodec.encode(IntFormat.UINT4, 7, 9));
    assertEquals(9, IntCodec.encode(IntFormat.UINT4, .5f, 9), "ties before the shift");
    assertEquals(11, IntCodec.encode(IntFormat.UINT4, 1.5f, 9));
    assertEquals(9, IntCodec.encode(IntFormat.UINT4, Float.NaN, 9));
    assertEquals(-9, IntCodec.decode(IntFormat.UINT4, 0, 9));
    assertEquals(6, IntCodec.decode(IntFormat.UINT4, 15, 9));
  }

  @Test
  void bitsAboveTheWidthAreIgnored() {
    assertEquals(-1, IntCodec.decode(IntFormat.INT4, 0x7F, 0));
    assertEquals(15, IntCodec.decode(IntFormat.UINT4, 0x7F, 0));
    assertEquals(-8, IntCodec.decode(IntFormat.INT4, 0x18, 0));
  }

  @Test
  void stochasticRoundingSplitsTheGapInProportion() {
    assertEquals(2, IntCodec.encodeStochastic(IntFormat.INT8, 2.25f, 0, .74));
    assertEquals(3, IntCodec.encodeStochastic(IntFormat.INT8, 2.25f, 0, .75));
    assertEquals(-3, IntCodec.decode(IntFormat.INT8, stochastic(-2.25f, .24), 0));
    assertEquals(-2, IntCodec.decode(IntFormat.INT8, stochastic(-2.25f, .25), 0));
    assertEquals(127, stochastic(500, .5));
    assertEquals(0, stochastic(Float.NaN, .5));
  }

  private static int stochastic(float x, double u) {
    return IntCodec.encodeStochastic(IntFormat.INT8, x, 0, u);
  }

  /** Levels of the reference's {@code NF4QTensor}. */
  @Test
  void nf4TakesTheNearestLevel() {
    CodebookFormat nf4 = CodebookFormat.NF4;
    for (int code = 0; code < 16; code++) {
      assertEquals(code, CodebookCodec.encode(nf4, CodebookCodec.decode(nf4, code)));
    }
    assertArrayEquals(
        new int[] {0, 15, 0, 15, 7, 7, 8, 7},
        new int[] {
          CodebookCodec.encode(nf4, -7),
          CodebookCodec.encode(nf4, 7),
          CodebookCodec.encode(nf4, Float.NEGATIVE_INFINITY),
          CodebookCodec.encode(nf4, Float.POSITIVE_INFINITY),
          CodebookCodec.encode(nf4, Float.NaN),
          CodebookCodec.encode(nf4, .0397f),
          CodebookCodec.encode(nf4, .0399f),
          CodebookCodec.encode(nf4, -0f)
        });
    assertEquals(-1f, CodebookCodec.decode(nf4, 0x10));
    assertEquals(.7230f, CodebookCodec.decode(nf4, 14));
  }

  @Test
  void tiesOfCodebooksGoToTheLowerLevel() {
    CodebookFormat two = new CodebookFormat("two bits", 2, List.of(-1f, 0f, 1f, 2f));
    assertEquals(1, CodebookCodec.encode(two, .5f));
    assertEquals(0, CodebookCodec.encode(two, -.5f));
    assertEquals(2, CodebookCodec.encode(two, Math.nextUp(.5f)));
  }

  @Test
  void codebooksRoundStochastically() {
    CodebookFormat two = new CodebookFormat("two bits", 2, List.of(-1f, 0f, 1f, 5f));
    assertEquals(2, CodebookCodec.encodeStochastic(two, 2, .7499));
    assertEquals(3, CodebookCodec.encodeStochastic(two, 2, .75));
    assertEquals(2, CodebookCodec.encodeStochastic(two, 1, .9999));
    assertEquals(0, CodebookCodec.encodeStochastic(two, -3, .9999));
    assertEquals(3, CodebookCodec.encodeStochastic(two, 6, 0));
    assertEquals(0, CodebookCodec.encodeStochastic(two, -1, .9999));
    assertEquals(1, CodebookCodec.encodeStochastic(two, Float.NaN, .9999));
  }
}
