package org.modelopt.formats.packing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.tensor.Tensor;

/** Laws of packings of any size and width. */
class PackingProperties {
  /** Where a packing puts a code: its first bit in the packed tensor. */
  @FunctionalInterface
  private interface Position {
    long of(long row, long column);
  }

  @Property(tries = 60)
  void streamsOfWordsHaveEveryCodeInItsPlace(
      @ForAll @IntRange(min = 1, max = 300) int rows,
      @ForAll @IntRange(min = 1, max = 200) int columns,
      @ForAll @IntRange(min = 2, max = 8) int bits,
      @ForAll boolean offset,
      @ForAll long seed) {
    long wide = Math.ceilDiv(columns * bits, 32) * 32L;
    long high = Math.ceilDiv(rows * bits, 32) * 32L;
    try (Arena arena = Arena.ofConfined()) {
      Codes codes = random(rows, columns, bits, offset, seed, arena);
      check(codes, Packings.ALONG_COLUMNS, (r, c) -> r * wide + c * bits, arena);
      check(codes, Packings.GPTQ_ZERO_POINT, (r, c) -> c * high + r * bits, arena);
      checkTransposed(codes, Packings.GPTQ_WEIGHT, Packings.ALONG_COLUMNS, arena);
      checkTransposed(codes, Packings.ALONG_ROWS, Packings.GPTQ_ZERO_POINT, arena);
    }
  }

  @Property(tries = 60)
  void packingsOfFourBitsHaveEveryCodeInItsPlace(
      @ForAll @IntRange(min = 1, max = 20) int eighthRows,
      @ForAll @IntRange(min = 1, max = 200) int columns,
      @ForAll boolean offset,
      @ForAll long seed) {
    int rows = 8 * eighthRows;
    long pairs = Math.ceilDiv(columns, 2) * 8L;
    int[] place = {0, 4, 1, 5, 2, 6, 3, 7};
    try (Arena arena = Arena.ofConfined()) {
      Codes codes = random(rows, columns, 4, offset, seed, arena);
      check(codes, Packings.EVEN_LOW, (r, c) -> r * pairs + c * 4, arena);
      check(codes, Packings.EVEN_HIGH, (r, c) -> r * pairs + (c ^ 1) * 4, arena);
      check(codes, Packings.ROW_PAIRS, (r, c) -> (r / 2 * columns + c) * 8 + r % 2 * 4, arena);
      check(
          codes,
          Packings.AWQ_GEMM,
          (r, c) -> (c * rows + r / 8 * 8 + place[(int) (r % 8)]) * 4,
          arena);
    }
  }

  @Property(tries = 30)
  void llmAwqUnpacksWhatItPacked(
      @ForAll @IntRange(min = 1, max = 5) int quads,
      @ForAll @IntRange(min = 1, max = 4) int tiles,
      @ForAll boolean offset,
      @ForAll long seed) {
    try (Arena arena = Arena.ofConfined()) {
      Codes codes = random(4 * quads, 64 * tiles, 4, offset, seed, arena);
      assertUnpacks(codes, Packings.LLM_AWQ, Packings.LLM_AWQ.pack(codes, arena), arena);
    }
  }

  private static void check(Codes codes, Packing packing, Position position, Arena arena) {
    Tensor packed = packing.pack(codes, arena);
    byte[] bytes = packed.segment().toArray(ValueLayout.JAVA_BYTE);
    byte[] rest = bytes.clone();
    byte[] row = new byte[(int) codes.columns()];
    for (int r = 0; r < codes.rows(); r++) {
      codes.read(r, 0, row, 0, row.length);
      for (int c = 0; c < row.length; c++) {
        long first = position.of(r, c);
        for (int bit = 0; bit < codes.bits(); bit++) {
          int at = (int) (first + bit);
          int expected = row[c] >>> bit & 1;
          assertEquals(expected, bytes[at / 8] >>> (at % 8) & 1, packing + " " + r + ", " + c);
          rest[at / 8] &= (byte) ~(1 << (at % 8));
        }
      }
    }
    assertArrayEquals(new byte[bytes.length], rest, "bits of no code");
    assertUnpacks(codes, packing, packed, arena);
  }

  /** The words of {@code packing} are the transpose of those of {@code plain}. */
  private static void checkTransposed(Codes codes, Packing packing, Packing plain, Arena arena) {
    Tensor packed = packing.pack(codes, arena);
    Tensor expected = plain.pack(codes, arena);
    int rows = (int) expected.shape().rows();
    int columns = (int) expected.shape().columns();
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        assertEquals(
            expected.segment().getAtIndex(Tensor.INT, (long) r * columns + c),
            packed.segment().getAtIndex(Tensor.INT, (long) c * rows + r));
      }
    }
    assertUnpacks(codes, packing, packed, arena);
  }

  private static void assertUnpacks(Codes codes, Packing packing, Tensor packed, Arena arena) {
    Codes unpacked = Codes.allocate(codes.rows(), codes.columns(), codes.bits(), arena);
    unpacked.segment().fill((byte) 0x55);
    packing.unpack(packed, codes.offset() ? unpacked.withOffset() : unpacked);
    assertArrayEquals(
        codes.segment().toArray(ValueLayout.JAVA_BYTE),
        unpacked.segment().toArray(ValueLayout.JAVA_BYTE),
        packing.toString());
  }

  private static Codes random(
      int rows, int columns, int bits, boolean offset, long seed, Arena arena) {
    Codes codes = Codes.allocate(rows, columns, bits, arena);
    byte[] row = new byte[columns];
    SplittableRandom random = new SplittableRandom(seed);
    for (int r = 0; r < rows; r++) {
      random.nextBytes(row);
      codes.write(r, 0, row, 0, columns);
    }
    return offset ? codes.withOffset() : codes;
  }
}
