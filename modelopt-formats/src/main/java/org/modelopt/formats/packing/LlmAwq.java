package org.modelopt.formats.packing;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Four rows taken together: 64 columns of the first, then the same of the second, third and fourth,
 * then the next 64. Nibbles follow each other from the low bits of each 16-bit word up. Within 32
 * columns they are permuted, so that a thread that reads eight of them gets pairs of columns eight
 * apart, and within those eight the even ones first.
 *
 * <p>Source: llm-awq {@code awq/quantize/qmodule.py}, {@code pack_intweight}.
 */
record LlmAwq() implements Packing {
  private static final int ROWS = 4;
  private static final int TILE = 64;

  /** Column of a run of 32 that is stored at each place. */
  private static final int[] COLUMN = columns();

  private static int[] columns() {
    int[] evenFirst = {0, 2, 4, 6, 1, 3, 5, 7};
    int[] columns = new int[32];
    for (int place = 0; place < 32; place++) {
      int within = evenFirst[place % 8];
      columns[place] = within / 2 * 8 + place / 8 * 2 + within % 2;
    }
    return columns;
  }

  @Override
  public DType dtype() {
    return DType.I16;
  }

  @Override
  public Shape shape(long rows, long columns, int bits) {
    Requirements.fourBits(bits);
    Requirements.multiple("rows", rows, ROWS);
    Requirements.multiple("columns", columns, TILE);
    return Shape.of(rows / ROWS, columns);
  }

  @Override
  public void pack(Codes codes, Tensor into) {
    Requirements.check(this, codes, into);
    MemorySegment out = into.segment();
    byte[] plain = new byte[TILE];
    byte[] packed = new byte[TILE / 2];
    for (long row = 0; row < codes.rows(); row++) {
      for (long from = 0; from < codes.columns(); from += TILE) {
        codes.read(row, from, plain, 0, TILE);
        for (int i = 0; i < packed.length; i++) {
          int low = plain[column(2 * i)];
          int high = plain[column(2 * i + 1)];
          packed[i] = (byte) (low | high << 4);
        }
        long at = offset(row, from, codes.columns());
        MemorySegment.copy(packed, 0, out, ValueLayout.JAVA_BYTE, at, packed.length);
      }
    }
  }

  @Override
  public void unpack(Tensor packed, Codes into) {
    Requirements.check(this, into, packed);
    MemorySegment in = packed.segment();
    byte[] plain = new byte[TILE];
    for (long row = 0; row < into.rows(); row++) {
      for (long from = 0; from < into.columns(); from += TILE) {
        long at = offset(row, from, into.columns());
        for (int i = 0; i < TILE / 2; i++) {
          int pair = in.get(ValueLayout.JAVA_BYTE, at + i) & 0xFF;
          plain[column(2 * i)] = (byte) (pair & 0xF);
          plain[column(2 * i + 1)] = (byte) (pair >>> 4);
        }
        into.write(row, from, plain, 0, TILE);
      }
    }
  }

  private static int column(int place) {
    return place / 32 * 32 + COLUMN[place % 32];
  }

  /** Byte offset of 64 codes of a row from column {@code from} on. */
  private static long offset(long row, long from, long columns) {
    long quad = row / ROWS * columns * 2;
    return quad + (from / TILE * ROWS + row % ROWS) * (TILE / 2);
  }
}
