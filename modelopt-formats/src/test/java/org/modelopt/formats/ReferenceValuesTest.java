package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.formats.packing.Codes;
import org.modelopt.formats.packing.Packings;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * What Model-Optimizer 0.47 (dev commit a2fbac7) makes of given numbers: its unit tests, and its
 * functions run on a CPU.
 */
class ReferenceValuesTest {
  private static final QuantSpec INT8_NARROW =
      QuantSpec.of(new IntFormat(8, IntFormat.Range.NARROW), Granularity.perTensor());
  private static final QuantSpec INT4 = QuantSpec.of(IntFormat.INT4, Granularity.perTensor());
  private static final QuantSpec INT4_NARROW =
      QuantSpec.of(new IntFormat(4, IntFormat.Range.NARROW), Granularity.perTensor());

  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void integersUnderAGivenAmax() {
    assertFake(QuantSpec.INT8, 1.27f, floats(-2, 1.27f, 2), floats(-1.28f, 1.27f, 1.27f));
    assertFake(INT8_NARROW, 1.27f, floats(-2), floats(-1.27f));
    assertFake(
        INT4,
        7,
        floats(-8, -7.5f, -7, -.5f, .5f, 1.5f, 2.5f, 6.5f, 7, 9),
        floats(-8, -8, -7, 0, 0, 2, 2, 6, 7, 7));
    assertFake(INT4_NARROW, 7, floats(-8, -7.5f), floats(-7, -7));
  }

  private void assertFake(QuantSpec spec, float amax, float[] in, float[] out) {
    Quantizer quantizer = Converted.quantizer(spec);
    Tensor x = Data.row(arena, DType.F32, in);
    Scales scales = quantizer.scalesOfAmax(Data.scalar(arena, amax), arena);
    Tensor rounded = quantizer.fakeQuantize(x, scales, new HostScope(arena));
    assertArrayEquals(out, rounded.toFloats(), 1e-6f);
  }

  /** W1: a quarter of -16 to 15. */
  private Tensor w1() {
    float[] values = new float[32];
    for (int i = 0; i < 32; i++) {
      values[i] = (i - 16) * .25f;
    }
    return Data.row(arena, DType.F32, values);
  }

  private static final int[] W1_PACKED = {
    255, 239, 238, 222, 221, 204, 171, 154, 16, 34, 67, 84, 101, 102, 118, 119
  };

  @Test
  void nvfp4OfARamp() {
    QuantizedTensor quantized = reference(QuantSpec.NVFP4, w1());
    assertEquals(.0014880953f, quantized.scales().globalScale());
    assertArrayEquals(new int[] {126, 125}, Data.unsigned(quantized.scales().values()));
    assertArrayEquals(W1_PACKED, Data.unsigned(quantized.codes()));
  }

  @Test
  void nvfp4WithAZeroBlock() {
    float[] values = new float[32];
    float[] second = {0, .25f, .5f, .75f, 1, 1.25f, 1.5f, 1.75f, 2, 2.5f, 3, 3.5f, 4, 5, 6, -6};
    System.arraycopy(second, 0, values, 16, 16);
    QuantizedTensor quantized = reference(QuantSpec.NVFP4, Data.row(arena, DType.F32, values));
    assertEquals(.002232143f, quantized.scales().globalScale());
    assertArrayEquals(new int[] {56, 126}, Data.unsigned(quantized.scales().values()));
    assertArrayEquals(
        new int[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 33, 34, 67, 68, 101, 102, 247},
        Data.unsigned(quantized.codes()));
  }

  private QuantizedTensor reference(QuantSpec spec, Tensor x) {
    Quantizer quantizer =
        Converted.quantizer(spec).with(Conversion.DEFAULT.withArithmetic(Arithmetic.TORCH_CPU));
    return Converted.quantized(quantizer, x, arena);
  }

  /** Static block scales: amax given per block, beyond E4M3 for the second. */
  @Test
  void nvfp4UnderGivenMaxima() {
    Quantizer nvfp4 = Converted.quantizer(QuantSpec.NVFP4);
    float global = nvfp4.globalScale(4);
    Scales scales = Scales.allocate(QuantSpec.NVFP4, Shape.of(1, 32), global, arena);
    nvfp4.scalesOfAmax(Data.row(arena, DType.F32, 4, 3.75f), scales);
    assertArrayEquals(new int[] {126, 125}, Data.unsigned(scales.values()));
    assertEquals(1.8044217, squaredError(nvfp4, nvfp4.quantize(w1(), scales, arena)), 1e-6);
    nvfp4.scalesOfAmax(Data.row(arena, DType.F32, 6, 5.625f), scales);
    assertArrayEquals(new int[] {126, 126}, Data.unsigned(scales.values()));
    QuantizedTensor wide = nvfp4.quantize(w1(), scales, arena);
    assertArrayEquals(
        new int[] {16, 34, 67, 84, 85, 102, 102, 119},
        Arrays.copyOfRange(Data.unsigned(wide.codes()), 8, 16));
    assertEquals(1.9999996, squaredError(nvfp4, wide), 1e-6);
  }

  /**
   * Scales 256 and 240 give an error of 1.8203, 384 and 352 one of 1.6528: the latter, per block.
   */
  @Test
  void fourOverSixOfARamp() {
    Quantizer quantizer = Converted.quantizer(QuantSpec.NVFP4_FOUR_OVER_SIX);
    QuantizedTensor quantized = Converted.quantized(quantizer, w1(), arena);
    assertEquals(.0026041667f, quantized.scales().globalScale());
    QuantizedTensor six = underScales(quantizer, 120, 119);
    QuantizedTensor four = underScales(quantizer, 124, 123);
    assertEquals(1.8203123, squaredError(quantizer, six), 1e-6);
    assertEquals(1.6527778, squaredError(quantizer, four), 1e-6);
    assertArrayEquals(W1_PACKED, Data.unsigned(six.codes()));
    assertArrayEquals(
        new int[] {238, 222, 221, 204, 204, 171, 170, 137, 16, 33, 50, 67, 68, 85, 101, 102},
        Data.unsigned(four.codes()));
    double chosen = squaredError(quantizer, quantized);
    assertTrue(chosen <= 1.6527778 + 1e-6, "the better one of each block: " + chosen);
  }

  private QuantizedTensor underScales(Quantizer quantizer, int... bytes) {
    Scales scales =
        Scales.allocate(quantizer.spec(), Shape.of(1, 32), quantizer.globalScale(4), arena);
    for (int i = 0; i < bytes.length; i++) {
      scales.values().segment().setAtIndex(ValueLayout.JAVA_BYTE, i, (byte) bytes[i]);
    }
    return quantizer.quantize(w1(), scales, arena);
  }

  private double squaredError(Quantizer quantizer, QuantizedTensor quantized) {
    float[] values = Converted.values(quantizer, quantized, arena);
    float[] x = w1().toFloats();
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += Math.pow((double) values[i] - x[i], 2);
    }
    return sum;
  }

  @Test
  void mxfp4OfARowAndItsNegation() {
    float[] half = {0, .25f, .5f, .75f, 1, 1.25f, 1.5f, 1.75f, 2, 2.5f, 3, 3.5f, 4, 5, 6, -6};
    float[] row = new float[32];
    for (int i = 0; i < 16; i++) {
      row[i] = half[i];
      row[16 + i] = -half[i];
    }
    QuantizedTensor quantized = reference(QuantSpec.MXFP4, Data.row(arena, DType.F32, row));
    assertArrayEquals(new int[] {127}, Data.unsigned(quantized.scales().values()));
    assertArrayEquals(
        new int[] {8, 17, 34, 51, 68, 85, 102, 247, 136, 153, 170, 187, 204, 221, 238, 127},
        Data.unsigned(quantized.codes()));
  }

  static Stream<Arguments> mxRows() {
    float[] first = floats(.084f, .273f, .049f, .165f, .229f, .827f, .571f, .361f);
    float[] third =
        floats(284.205f, 189.103f, 127.758f, 305.991f, 345.731f, 98.383f, 676.081f, 540.471f);
    float[] fourth = floats(78740, 83580, 80270, 493.9f, 1534, 11590, 11180, 14810);
    float[] sixBit = {
      0, .0625f, .1875f, .3125f, .4375f, .5625f, .6875f, .8125f, .9375f, 1.0625f, 1.1875f, 1.3125f,
      1.4375f, 1.5625f, 1.6875f, 1.8125f, 1.9375f, 2.125f, 2.375f, 2.625f, 2.875f, 3.125f, 3.375f,
      3.625f, 3.875f, 4.25f, 4.75f, 5.25f, 5.75f, 6.25f, 6.75f, 7.25f
    };
    return Stream.of(
        row(
            QuantSpec.MXFP4,
            floats(.1f, .2f, .35f, .16f, .85f, .9f, .67f, .76f),
            floats(.125f, .25f, .375f, .125f, .75f, 1, .75f, .75f)),
        row(
            QuantSpec.MXFP4,
            floats(0, .25f, .75f, 1.25f, 1.75f, 2.5f, 3.5f, 5),
            floats(0, 0, 1, 1, 2, 2, 4, 4)),
        row(
            QuantSpec.MXFP4,
            floats(.1f, 2, 10, 16, 39, 49.5f, 30.5f, 98.8f),
            floats(0, 0, 16, 16, 32, 48, 32, 96)),
        row(
            QuantSpec.MXFP4,
            floats(2.3f, 9, .5f, 100.5f, 900.3f, 10000, 2000, 360000),
            floats(0, 0, 0, 0, 0, 0, 0, 393216)),
        row(
            QuantSpec.MXFP8,
            first,
            floats(.0859f, .2812f, .0508f, .1719f, .2344f, .8125f, .5625f, .375f)),
        row(
            QuantSpec.MXFP8,
            floats(2.098f, .135f, 3.819f, 2.659f, 9.841f, 9.227f, 8.088f, 8.806f),
            floats(2, .1406f, 3.75f, 2.75f, 10, 9, 8, 9)),
        row(QuantSpec.MXFP8, third, floats(288, 192, 128, 320, 352, 96, 704, 512)),
        row(QuantSpec.MXFP8, fourth, floats(81920, 81920, 81920, 480, 1536, 11264, 11264, 14336)),
        row(
            QuantSpec.MXFP8_E5M2,
            first,
            floats(.0781f, .25f, .0469f, .1562f, .2188f, .875f, .625f, .375f)),
        row(QuantSpec.MXFP8_E5M2, third, floats(256, 192, 128, 320, 320, 96, 640, 512)),
        row(
            QuantSpec.MXINT8,
            floats(.999f, .79f, .298f, .795f, .928f, .19f, .187f, .4f),
            floats(1, .7969f, .2969f, .7969f, .9219f, .1875f, .1875f, .4062f)),
        row(
            QuantSpec.MXINT8,
            first,
            floats(.0859f, .2734f, .0469f, .1641f, .2266f, .8281f, .5703f, .3594f)),
        row(
            QuantSpec.MXINT8,
            floats(86.013f, 8.952f, 89.435f, 76.524f, 72.668f, 59.243f, 79.387f, 57.657f),
            floats(86, 9, 89, 77, 73, 59, 79, 58)),
        row(QuantSpec.MXINT8, fourth, floats(78848, 83968, 79872, 0, 1024, 11264, 11264, 14336)),
        row(
            QuantSpec.MXFP6,
            sixBit,
            floats(
                0, .0625f, .1875f, .3125f, .4375f, .5f, .75f, .75f, 1, 1, 1.25f, 1.25f, 1.5f, 1.5f,
                1.75f, 1.75f, 2, 2, 2.5f, 2.5f, 3, 3, 3.5f, 3.5f, 4, 4, 5, 5, 6, 6, 7, 7)),
        row(
            QuantSpec.MXFP6_E2M3,
            sixBit,
            floats(
                0, .0625f, .1875f, .3125f, .4375f, .5625f, .6875f, .8125f, .9375f, 1, 1.25f, 1.25f,
                1.5f, 1.5f, 1.75f, 1.75f, 2, 2, 2.5f, 2.5f, 3, 3, 3.5f, 3.5f, 4, 4, 5, 5, 6, 6, 7,
                7)));
  }

  private static Arguments row(QuantSpec spec, float[] in, float[] out) {
    return Arguments.of(spec, in, out);
  }

  /** The reference's kernels on a GPU; blocks of eight, outputs printed to four digits. */
  @ParameterizedTest
  @MethodSource("mxRows")
  void mxFormatsUnderTheirOwnScales(QuantSpec spec, float[] in, float[] out) {
    Tensor x = Data.row(arena, DType.F32, in);
    Quantizer quantizer = Converted.quantizer(spec.withGranularity(Granularity.block(8)));
    float[] values = Converted.roundTrip(quantizer, x, arena);
    for (int i = 0; i < out.length; i++) {
      assertEquals(out[i], values[i], 6e-5f, in[i] + " as " + spec.format().name());
    }
  }

  @Test
  void exportedScalesOfGroups() {
    QuantSpec pairs = QuantSpec.int4Block(2);
    Tensor x =
        Data.tensor(arena, DType.F32, Shape.of(2, 4), 0, .35f, .28f, 7, .49f, .84f, -.77f, .07f);
    assertArrayEquals(
        floats(.05f, 1, .12f, .11f),
        Converted.quantizer(pairs).scales(x, arena).values().toFloats(),
        1e-7f);
    Tensor rows =
        Data.tensor(
            arena, DType.F32, Shape.of(2, 4), .127f, 0, 1.27f, -12.7f, 0, 127, .254f, 2.54f);
    assertArrayEquals(
        floats(.1f, 1),
        Converted.quantizer(QuantSpec.INT8_PER_CHANNEL).scales(rows, arena).values().toFloats(),
        1e-7f);
  }

  @Test
  void exportedInt4WeightsArePackedByRowPairs() {
    Tensor x =
        Data.tensor(
            arena,
            DType.F32,
            Shape.of(4, 4),
            1,
            -2,
            3,
            7,
            0,
            -8,
            4,
            -4,
            5,
            6,
            -1,
            2,
            -7,
            -6,
            .5f,
            1.5f);
    Quantizer whole = Converted.quantizer(INT4);
    QuantizedTensor ones = whole.quantize(x, Scales.of(Data.scalar(arena, 1)), arena);
    assertArrayEquals(new int[] {1, 142, 67, 199, 149, 166, 15, 34}, rowPairs(ones));
    QuantizedTensor groups =
        Converted.quantized(Converted.quantizer(QuantSpec.int4Block(2)), x, arena);
    assertArrayEquals(new int[] {3, 153, 115, 151, 150, 167, 45, 119}, rowPairs(groups));
  }

  private int[] rowPairs(QuantizedTensor quantized) {
    return Data.unsigned(Packings.ROW_PAIRS.pack(Codes.of(quantized), arena));
  }

  /** {@code test_qtensor_cuda.py}: bfloat16 in and out, to about one step of bfloat16. */
  @Test
  void compressedRoundTrips() {
    float[] ramp = floats(0, 1, 2, 3, 4, 5, 6, 7);
    assertRoundTrip(
        QuantSpec.int4Block(4),
        Shape.of(1, 8),
        ramp,
        floats(0, .8516f, 2.1406f, 2.9844f, 4, 5, 6, 7));
    assertRoundTrip(
        QuantSpec.of(IntFormat.INT8, Granularity.perTensor()),
        Shape.of(1, 8),
        ramp,
        floats(0, .9922f, 1.9844f, 2.9844f, 3.9688f, 4.9688f, 5.9688f, 7));
    assertRoundTrip(
        QuantSpec.of(QuantSpec.FP8.format(), Granularity.block2d(2, 2)),
        Shape.of(2, 4),
        ramp,
        floats(0, .9844f, 2, 3, 3.9375f, 5, 6, 7));
    assertRoundTrip(
        QuantSpec.of(QuantSpec.FP8.format(), Granularity.block(2)),
        Shape.of(1, 8),
        ramp,
        floats(0, 1, 1.9219f, 3, 3.9375f, 5, 6, 7));
    assertRoundTrip(QuantSpec.FP8, Shape.of(1, 8), ramp, ramp);
  }

  private void assertRoundTrip(QuantSpec spec, Shape shape, float[] in, float[] out) {
    Tensor x = Data.tensor(arena, DType.BF16, shape, in);
    Quantizer quantizer =
        Converted.quantizer(spec.withScaleFormat(ScaleFormat.BF16))
            .with(Conversion.DEFAULT.withArithmetic(Arithmetic.TORCH_CPU));
    Tensor into = Tensor.allocate(arena, DType.BF16, shape);
    quantizer.dequantize(Converted.quantized(quantizer, x, arena), into);
    assertArrayEquals(out, into.toFloats(), .02f, spec.toString());
  }

  /** The worked example of five conventions for integers. */
  @Test
  void conventionsForIntegers() {
    float[] w = {.9f, -.35f, .12f, -1.27f, .004f, .635f};
    assertCodes(QuantSpec.INT8.withScaleRule(ScaleRule.AMAX_OVER_MAX), w, 90, -35, 12, -127, 0, 64);
    assertCodes(INT4, w, 5, -2, 1, -7, 0, 4);
    assertMse(.002039, INT4, w);
    QuantSpec half = INT4.withScaleRule(ScaleRule.HALF_RANGE);
    assertCodes(half, w, 5, -2, 1, -8, 0, 4);
    assertMse(.002397, half, w);
    QuantSpec signed = INT4.withScaleRule(ScaleRule.SIGNED_MAX);
    assertCodes(signed, w, 6, -2, 1, -8, 0, 4);
    assertMse(.000888, signed, w);
    QuantSpec asymmetric = QuantSpec.UINT4_BLOCK_128;
    assertCodes(asymmetric, w, 15, 7, 10, 0, 9, 13);
    assertMse(.001588, asymmetric, w);
  }

  private void assertCodes(QuantSpec spec, float[] w, int... expected) {
    Tensor x = Data.row(arena, DType.F32, w);
    QuantizedTensor quantized = Converted.quantized(Converted.quantizer(spec), x, arena);
    int bits = spec.format().bits();
    int[] bytes = Data.unsigned(quantized.codes());
    for (int i = 0; i < expected.length; i++) {
      int code = bytes[i * bits / 8] >>> (i * bits % 8) & ((1 << bits) - 1);
      assertEquals(expected[i] & ((1 << bits) - 1), code, spec + " " + i);
    }
  }

  private void assertMse(double expected, QuantSpec spec, float[] w) {
    float[] out =
        Converted.roundTrip(Converted.quantizer(spec), Data.row(arena, DType.F32, w), arena);
    double sum = 0;
    for (int i = 0; i < w.length; i++) {
      sum += Math.pow((double) out[i] - w[i], 2);
    }
    assertEquals(expected, sum / w.length, 1e-6);
  }

  /** Two blocks, the second a hundredth of the first. */
  @Test
  void nvfp4OfTwoBlocks() {
    float[] b1 = {1, -2, 3, 5, .25f, -.5f, 4.5f, 6, .1f, -.9f, 1.6f, 2.4f, -3.4f, 0, 5.2f, -4.9f};
    float[] both = new float[32];
    for (int i = 0; i < 16; i++) {
      both[i] = b1[i];
      both[16 + i] = b1[i] * .01f;
    }
    Quantizer nvfp4 = Converted.quantizer(QuantSpec.NVFP4);
    Tensor x = Data.row(arena, DType.F32, both);
    QuantizedTensor quantized = Converted.quantized(nvfp4, x, arena);
    assertEquals(.002232143f, quantized.scales().globalScale());
    assertArrayEquals(new int[] {126, 0x49}, Data.unsigned(quantized.scales().values()));
    float[] values = Converted.values(nvfp4, quantized, arena);
    float[] expected = {1, -2, 3, 4, 0, -.5f, 4, 6, 0, -1, 1.5f, 2, -3, 0, 6, -4};
    for (int i = 0; i < 16; i++) {
      assertEquals(expected[i], values[i], 1e-6f);
    }
  }

  @Test
  void fourOverSixOfATenToFortyBlock() {
    float[] block = new float[16];
    System.arraycopy(new float[] {10, 20, 30, 40}, 0, block, 0, 4);
    Tensor x = Data.row(arena, DType.F32, block);
    float[] values =
        Converted.roundTrip(Converted.quantizer(QuantSpec.NVFP4_FOUR_OVER_SIX), x, arena);
    assertArrayEquals(block, values);
  }

  private static float[] floats(float... values) {
    return values;
  }
}
