package org.modelopt.formats.packing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Layouts of other tools. The words of the 8 x 64 matrix of {@link #matrix} were made by numpy
 * forms of the algorithms of AutoAWQ, llm-awq and GPTQ.
 */
class PackingTest {
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  /** Model-Optimizer 0.47, INT4 export with scale 1. */
  @Test
  void rowPairsHoldTheEvenRowInTheLowNibble() {
    Codes codes =
        codes(4, new int[][] {{1, -2, 3, 7}, {0, -8, 4, -4}, {5, 6, -1, 2}, {-7, -6, 0, 2}});
    Tensor packed = Packings.ROW_PAIRS.pack(codes, arena);
    assertEquals(Shape.of(2, 4), packed.shape());
    assertArrayEquals(bytes(1, 142, 67, 199, 149, 166, 15, 34), bytes(packed));
  }

  @Test
  void evenColumnsAreInTheLowOrTheHighNibble() {
    Codes codes = codes(4, new int[][] {{1, 2, 3}, {4, 5, 6}});
    assertArrayEquals(bytes(0x21, 0x03, 0x54, 0x06), bytes(Packings.EVEN_LOW.pack(codes, arena)));
    assertArrayEquals(bytes(0x12, 0x30, 0x45, 0x60), bytes(Packings.EVEN_HIGH.pack(codes, arena)));
  }

  /** INT4QTensor: codes -8 to 7 are stored as 0 to 15. */
  @Test
  void offsetCodesAreUnsigned() {
    Codes codes = codes(4, new int[][] {{-8, 7, 0}}).withOffset();
    assertArrayEquals(bytes(0x0F, 0x80), bytes(Packings.EVEN_HIGH.pack(codes, arena)));
    assertArrayEquals(bytes(0xF0, 0x08), bytes(Packings.EVEN_LOW.pack(codes, arena)));
  }

  @Test
  void awqGemmInterleavesEightOutputs() {
    Tensor packed = Packings.AWQ_GEMM.pack(matrix(4), arena);
    assertEquals(Shape.of(64, 1), packed.shape());
    assertArrayEquals(
        new int[] {0xb17de4a0, 0x28e45b17, 0x9f5bc28e, 0x6c239f5, 0x7d39a06c, 0xe4a017d3},
        Arrays.copyOf(packed.segment().toArray(Tensor.INT), 6));
  }

  @Test
  void llmAwqInterleavesFourOutputsAndThirtyTwoInputs() {
    Tensor packed = Packings.LLM_AWQ.pack(matrix(4), arena);
    assertEquals(DType.I16, packed.dtype());
    assertEquals(Shape.of(2, 64), packed.shape());
    short[] words = packed.segment().toArray(Tensor.SHORT);
    int[] first = {0x16b0, 0x8d27, 0xf49e, 0x6b05, 0xd27c, 0x49e3, 0xb05a, 0x27c1, 0xd27c};
    for (int i = 0; i < first.length; i++) {
      assertEquals((short) first[i], words[i], "word " + i);
    }
    long sum = 0;
    for (int i = 0; i < words.length; i++) {
      sum += (words[i] & 0xFFFFL) * (i + 1);
    }
    assertEquals(279491072, sum);
  }

  @Test
  void gptqPacksInputsTogether() {
    Tensor packed = Packings.GPTQ_WEIGHT.pack(matrix(4), arena);
    assertEquals(Shape.of(8, 8), packed.shape());
    assertArrayEquals(
        new int[] {
          0x1a3c5e70,
          0xe7092b4d,
          0xb4d6f81a,
          0x81a3c5e7,
          0x5e7092b4,
          0x2b4d6f81,
          0xf81a3c5e,
          0xc5e7092b
        },
        Arrays.copyOf(packed.segment().toArray(Tensor.INT), 8));
  }

  @Test
  void gptqPacksThirtyTwoInputsOfThreeBitsIntoThreeWords() {
    Tensor packed = Packings.GPTQ_WEIGHT.pack(matrix(3), arena);
    assertEquals(Shape.of(6, 8), packed.shape());
    int[] words = packed.segment().toArray(Tensor.INT);
    int[][] expected = {
      {0x5329cbb8, 0xb8dc14e5, 0xe572ee0a},
      {0xa72e9770, 0x705329cb, 0xcbb8dc14},
      {0x4e5dc1e0, 0xe0a72e97, 0x97705329}
    };
    for (int row = 0; row < 3; row++) {
      assertArrayEquals(expected[row], Arrays.copyOfRange(words, row * 8, row * 8 + 3));
    }
  }

  /** Symmetric GPTQ of version 1 stores zero points 8 as 7, and 128 as 127. */
  @Test
  void gptqZeroPointsOfVersionOneAreOneLess() {
    assertArrayEquals(new int[] {0x77777777, 0x77777777}, zeroWords(4, 8, -1));
    assertArrayEquals(new int[] {0x88888888, 0x88888888}, zeroWords(4, 8, 0));
    assertArrayEquals(new int[] {0x7F7F7F7F, 0x7F7F7F7F}, Arrays.copyOf(zeroWords(8, 128, -1), 2));
  }

  private int[] zeroWords(int bits, int zeroPoint, int add) {
    Tensor zeros = Tensor.allocate(arena, DType.I32, Shape.of(8, 2));
    for (int i = 0; i < 16; i++) {
      zeros.segment().setAtIndex(Tensor.INT, i, zeroPoint);
    }
    Codes codes = Codes.ofIntegers(zeros, bits, add, arena);
    Tensor packed = Packings.GPTQ_ZERO_POINT.pack(codes, arena);
    assertEquals(Shape.of(2, 8 * bits / 32), packed.shape());
    return packed.segment().toArray(Tensor.INT);
  }

  @Test
  void integersThatDoNotFitAreNamed() {
    Tensor zeros = Tensor.allocate(arena, DType.I32, Shape.of(1, 3));
    zeros.segment().setAtIndex(Tensor.INT, 0, 1);
    var failure =
        assertThrows(IllegalArgumentException.class, () -> Codes.ofIntegers(zeros, 4, -1, arena));
    assertTrue(failure.getMessage().contains("integer [0, 1] is stored as -1"));
  }

  /** Words of compressed-tensors: signed codes plus 8, zero points along the first axis. */
  @Test
  void compressedTensorsPacksAlongRowsAndZeroPointsAlongColumns() {
    Codes codes = codes(4, new int[][] {{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1}}).withOffset();
    Tensor packed = Packings.ALONG_COLUMNS.pack(codes, arena);
    assertEquals(Shape.of(1, 2), packed.shape());
    assertArrayEquals(new int[] {0x76543210, 0x98}, packed.segment().toArray(Tensor.INT));

    Codes points =
        codes(
            4,
            new int[][] {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}, {7, 8}, {8, 9}});
    Tensor along = Packings.ALONG_ROWS.pack(points, arena);
    assertEquals(Shape.of(2, 2), along.shape());
    assertArrayEquals(
        new int[] {0x76543210, 0x87654321, 8, 9}, along.segment().toArray(Tensor.INT));
  }

  @Test
  void sizesAndWidthsThatDoNotFitAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Packings.AWQ_GEMM.shape(12, 8, 4));
    assertThrows(IllegalArgumentException.class, () -> Packings.AWQ_GEMM.shape(8, 8, 3));
    assertThrows(IllegalArgumentException.class, () -> Packings.ROW_PAIRS.shape(3, 8, 4));
    assertThrows(IllegalArgumentException.class, () -> Packings.LLM_AWQ.shape(4, 96, 4));
    assertThrows(IllegalArgumentException.class, () -> Packings.LLM_AWQ.shape(6, 64, 4));
    assertThrows(IllegalArgumentException.class, () -> Packings.EVEN_LOW.shape(4, 4, 8));
  }

  @Test
  void packedTensorsOfAnotherShapeAreRefused() {
    Tensor other = Tensor.allocate(arena, DType.I32, Shape.of(8, 7));
    assertThrows(IllegalArgumentException.class, () -> Packings.GPTQ_WEIGHT.pack(matrix(4), other));
    Tensor bytes = Tensor.allocate(arena, DType.U8, Shape.of(8, 8));
    assertThrows(
        IllegalArgumentException.class, () -> Packings.GPTQ_WEIGHT.unpack(bytes, matrix(4)));
    assertThrows(IllegalArgumentException.class, () -> new Codes(bytes, 8, 20, 4, false));
    assertThrows(IllegalArgumentException.class, () -> new Codes(bytes, 8, 8, 9, false));
  }

  /** 8 rows of 64 codes, in row-major order {@code 7 i + 3 (i / 8) + 5 (i / 64)} modulo 2^bits. */
  private Codes matrix(int bits) {
    int[][] values = new int[8][64];
    for (int i = 0; i < 512; i++) {
      values[i / 64][i % 64] = i * 7 + (i >> 3) * 3 + (i >> 6) * 5;
    }
    return codes(bits, values);
  }

  private Codes codes(int bits, int[][] values) {
    Codes codes = Codes.allocate(values.length, values[0].length, bits, arena);
    for (int row = 0; row < values.length; row++) {
      byte[] bytes = bytes(values[row]);
      codes.write(row, 0, bytes, 0, bytes.length);
    }
    return codes;
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  private static byte[] bytes(Tensor tensor) {
    return tensor.segment().toArray(ValueLayout.JAVA_BYTE);
  }
}
