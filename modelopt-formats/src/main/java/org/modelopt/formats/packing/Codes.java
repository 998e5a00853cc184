package org.modelopt.formats.packing;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * A matrix of codes as quantizers write them: each row a little-endian bit stream that starts a
 * byte. Owns nothing.
 *
 * @param tensor 8-bit elements {@code [rows, ceil(columns * bits / 8)]} in host memory
 * @param rows number of rows; axes before the last count as rows
 * @param columns codes per row
 * @param bits width of a code, 2 to 8
 * @param offset whether packings hold {@code code + 2^(bits - 1)}, modulo {@code 2^bits}, instead
 *     of the code: signed integers as unsigned ones
 */
public record Codes(Tensor tensor, long rows, long columns, int bits, boolean offset) {
  /** Checks that the tensor has room for the codes. */
  public Codes {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("codes have 2 to 8 bits, not " + bits);
    }
    long expected = Math.multiplyExact(rows, rowBytes(columns, bits));
    if (tensor.dtype().bits() != 8 || tensor.byteSize() != expected) {
      throw new IllegalArgumentException(
          "%d x %d codes of %d bits take %d bytes but the tensor is %s"
              .formatted(rows, columns, bits, expected, tensor));
    }
  }

  /** The codes of a quantized tensor. */
  public static Codes of(QuantizedTensor quantized) {
    Shape shape = quantized.shape();
    int bits = quantized.spec().format().bits();
    return new Codes(quantized.codes(), shape.rows(), shape.columns(), bits, false);
  }

  /**
   * Small integers, zero points for example, as codes.
   *
   * @param integers I32 {@code [rows, columns]}
   * @param bits width of a code
   * @param add what is added to each integer: -1 for zero points of GPTQ's first version
   * @throws IllegalArgumentException if a sum is not within 0 to {@code 2^bits - 1}
   */
  public static Codes ofIntegers(Tensor integers, int bits, int add, Arena arena) {
    if (integers.dtype() != DType.I32) {
      throw new IllegalArgumentException("expected I32 integers but found " + integers);
    }
    Codes codes = allocate(integers.shape().rows(), integers.shape().columns(), bits, arena);
    byte[] row = new byte[Math.toIntExact(codes.columns)];
    for (long r = 0; r < codes.rows; r++) {
      for (int c = 0; c < row.length; c++) {
        int value = integers.segment().get(Tensor.INT, 4 * (r * codes.columns + c)) + add;
        if (value < 0 || value >= 1 << bits) {
          throw new IllegalArgumentException(
              "integer [%d, %d] is stored as %d, which does not fit 0 to %d"
                  .formatted(r, c, value, (1 << bits) - 1));
        }
        row[c] = (byte) value;
      }
      codes.write(r, 0, row, 0, row.length);
    }
    return codes;
  }

  /** Memory for codes, zero-filled, owned by {@code arena}. */
  public static Codes allocate(long rows, long columns, int bits, Arena arena) {
    Tensor tensor = Tensor.allocate(arena, DType.U8, Shape.of(rows, rowBytes(columns, bits)));
    return new Codes(tensor, rows, columns, bits, false);
  }

  /**
   * These codes, of integers in two's complement, to be packed as unsigned ones.
   *
   * @see IntFormat.Range#FULL
   */
  public Codes withOffset() {
    return new Codes(tensor, rows, columns, bits, true);
  }

  /** What is flipped in a code on its way to and from a packing. */
  int flip() {
    return offset ? 1 << (bits - 1) : 0;
  }

  private static long rowBytes(long columns, int bits) {
    return Math.ceilDiv(Math.multiplyExact(columns, (long) bits), 8L);
  }

  MemorySegment segment() {
    return tensor.segment();
  }

  /** Byte offset of a row. */
  long rowStart(long row) {
    return row * rowBytes(columns, bits);
  }

  /** End (exclusive) of a row as byte offset. */
  long rowEnd(long row) {
    return rowStart(row + 1);
  }

  /** Codes {@code from} and following of a row, as a packing holds them, to bytes. */
  void read(long row, long from, byte[] out, int at, int n) {
    MemorySegment bytes = segment();
    int mask = (1 << bits) - 1;
    int flip = flip();
    long position = rowStart(row) * 8 + from * bits;
    for (int i = 0; i < n; i++, position += bits) {
      int shift = (int) position & 7;
      int window = bytes.get(ValueLayout.JAVA_BYTE, position >>> 3) & 0xFF;
      if (shift + bits > 8) {
        window |= bytes.get(ValueLayout.JAVA_BYTE, (position >>> 3) + 1) << 8;
      }
      out[at + i] = (byte) ((window >>> shift & mask) ^ flip);
    }
  }

  /**
   * Writes codes, given as a packing holds them, from number {@code from} on, which starts a byte.
   * What is left of the last byte becomes 0.
   */
  void write(long row, long from, byte[] in, int at, int n) {
    MemorySegment bytes = segment();
    int mask = (1 << bits) - 1;
    int flip = flip();
    long to = rowStart(row) + from * bits / 8;
    int waiting = 0;
    int waitingBits = 0;
    for (int i = 0; i < n; i++) {
      waiting |= ((in[at + i] & mask) ^ flip) << waitingBits;
      waitingBits += bits;
      if (waitingBits >= 8) {
        bytes.set(ValueLayout.JAVA_BYTE, to++, (byte) waiting);
        waiting >>>= 8;
        waitingBits -= 8;
      }
    }
    if (waitingBits > 0) {
      bytes.set(ValueLayout.JAVA_BYTE, to, (byte) waiting);
    }
  }
}
