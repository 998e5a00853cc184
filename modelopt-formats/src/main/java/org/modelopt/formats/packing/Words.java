package org.modelopt.formats.packing;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Codes as a little-endian bit stream of 32-bit words, from the low bits up. Codes whose width does
 * not divide 32 cross from one word to the next. What is left of the last word is 0.
 *
 * @param axis what the codes of a word have neighbouring: columns of a row, or rows of a column
 * @param transposed whether the matrix of words is stored transposed
 * @param awqOrder whether eight 4-bit codes are stored in the order 0 2 4 6 1 3 5 7
 */
record Words(Axis axis, boolean transposed, boolean awqOrder) implements Packing {
  /** Axis along which codes share words. */
  enum Axis {
    ROWS,
    COLUMNS
  }

  private static final int[] AWQ_ORDER = {0, 2, 4, 6, 1, 3, 5, 7};

  /** Rows of words that are written together where words are stored transposed: a cache line. */
  private static final int LINE = 16;

  /** Codes of one column that are handled together; they fill whole words at every width. */
  private static final int BLOCK_ROWS = 128;

  private static final int BLOCK_COLUMNS = 64;

  @Override
  public DType dtype() {
    return DType.I32;
  }

  @Override
  public Shape shape(long rows, long columns, int bits) {
    if (awqOrder) {
      Requirements.fourBits(bits);
      Requirements.multiple("rows", rows, 8);
    }
    long along = axis == Axis.ROWS ? rows : columns;
    long across = axis == Axis.ROWS ? columns : rows;
    boolean wordsFirst = (axis == Axis.ROWS) != transposed;
    long words = words(along, bits);
    return wordsFirst ? Shape.of(words, across) : Shape.of(across, words);
  }

  private static long words(long codes, int bits) {
    return Math.ceilDiv(Math.multiplyExact(codes, (long) bits), 32L);
  }

  @Override
  public void pack(Codes codes, Tensor into) {
    Requirements.check(this, codes, into);
    if (axis == Axis.COLUMNS) {
      forWordsOfRows(
          codes,
          (row, word, at) -> into.segment().set(Tensor.INT, at, wordOfRow(codes, row, word)));
    } else {
      packColumns(codes, into.segment());
    }
  }

  @Override
  public void unpack(Tensor packed, Codes into) {
    Requirements.check(this, into, packed);
    if (axis == Axis.COLUMNS) {
      forWordsOfRows(
          into,
          (row, word, at) -> setWordOfRow(into, row, word, packed.segment().get(Tensor.INT, at)));
    } else {
      unpackColumns(packed.segment(), into);
    }
  }

  /** Takes a word of a row and its place in the packed tensor. */
  @FunctionalInterface
  private interface WordTask {
    void run(long row, long word, long at);
  }

  private void forWordsOfRows(Codes codes, WordTask task) {
    long words = words(codes.columns(), codes.bits());
    for (long from = 0; from < codes.rows(); from += LINE) {
      long to = Math.min(codes.rows(), from + LINE);
      for (long word = 0; word < words; word++) {
        for (long row = from; row < to; row++) {
          task.run(row, word, 4 * (transposed ? word * codes.rows() + row : row * words + word));
        }
      }
    }
  }

  /** Rows are streams already: a word is four of their bytes. */
  private static int wordOfRow(Codes codes, long row, long word) {
    long at = codes.rowStart(row) + 4 * word;
    long left = codes.rowEnd(row) - at;
    int bits = 0;
    if (left >= 4) {
      bits = codes.segment().get(Tensor.INT, at);
    } else {
      for (int i = 0; i < left; i++) {
        bits |= (codes.segment().get(ValueLayout.JAVA_BYTE, at + i) & 0xFF) << (8 * i);
      }
    }
    return bits ^ flips(codes, word);
  }

  private static void setWordOfRow(Codes codes, long row, long word, int packed) {
    int bits = packed ^ flips(codes, word);
    long at = codes.rowStart(row) + 4 * word;
    long left = codes.rowEnd(row) - at;
    if (left >= 4) {
      codes.segment().set(Tensor.INT, at, bits);
    } else {
      for (int i = 0; i < left; i++) {
        codes.segment().set(ValueLayout.JAVA_BYTE, at + i, (byte) (bits >>> (8 * i)));
      }
    }
  }

  /** The top bits of those codes of a row that are in a word, if they are to be flipped. */
  private static int flips(Codes codes, long word) {
    if (!codes.offset()) {
      return 0;
    }
    int bits = codes.bits();
    long start = 32 * word;
    // Top bits are at bits - 1, 2 bits - 1 and so on, up to that of the last column.
    long end = Math.min(start + 32, codes.columns() * bits);
    int flips = 0;
    for (long top = Math.floorDiv(start, bits) * bits + bits - 1; top < end; top += bits) {
      flips |= top >= start ? 1 << (int) (top - start) : 0;
    }
    return flips;
  }

  private void packColumns(Codes codes, MemorySegment out) {
    byte[] block = new byte[BLOCK_ROWS * BLOCK_COLUMNS];
    int bits = codes.bits();
    long step = transposed ? 4 : 4 * codes.columns();
    for (long top = 0; top < codes.rows(); top += BLOCK_ROWS) {
      int rows = (int) Math.min(BLOCK_ROWS, codes.rows() - top);
      long firstWord = top * bits / 32;
      for (long left = 0; left < codes.columns(); left += BLOCK_COLUMNS) {
        int columns = (int) Math.min(BLOCK_COLUMNS, codes.columns() - left);
        for (int row = 0; row < rows; row++) {
          codes.read(top + row, left, block, row * BLOCK_COLUMNS, columns);
        }
        for (int column = 0; column < columns; column++) {
          long at = columnWord(codes, firstWord, left + column);
          long waiting = 0;
          int waitingBits = 0;
          for (int i = 0; i < rows; i++) {
            long code = block[place(i) * BLOCK_COLUMNS + column] & 0xFF;
            waiting |= code << waitingBits;
            waitingBits += bits;
            if (waitingBits >= 32) {
              out.set(Tensor.INT, at, (int) waiting);
              at += step;
              waiting >>>= 32;
              waitingBits -= 32;
            }
          }
          if (waitingBits > 0) {
            out.set(Tensor.INT, at, (int) waiting);
          }
        }
      }
    }
  }

  private void unpackColumns(MemorySegment in, Codes codes) {
    byte[] block = new byte[BLOCK_ROWS * BLOCK_COLUMNS];
    int bits = codes.bits();
    int mask = (1 << bits) - 1;
    long step = transposed ? 4 : 4 * codes.columns();
    for (long top = 0; top < codes.rows(); top += BLOCK_ROWS) {
      int rows = (int) Math.min(BLOCK_ROWS, codes.rows() - top);
      long firstWord = top * bits / 32;
      for (long left = 0; left < codes.columns(); left += BLOCK_COLUMNS) {
        int columns = (int) Math.min(BLOCK_COLUMNS, codes.columns() - left);
        for (int column = 0; column < columns; column++) {
          long at = columnWord(codes, firstWord, left + column);
          long waiting = 0;
          int waitingBits = 0;
          for (int i = 0; i < rows; i++) {
            if (waitingBits < bits) {
              waiting |= (in.get(Tensor.INT, at) & 0xFFFFFFFFL) << waitingBits;
              at += step;
              waitingBits += 32;
            }
            block[place(i) * BLOCK_COLUMNS + column] = (byte) (waiting & mask);
            waiting >>>= bits;
            waitingBits -= bits;
          }
        }
        for (int row = 0; row < rows; row++) {
          codes.write(top + row, left, block, row * BLOCK_COLUMNS, columns);
        }
      }
    }
  }

  /** Which row of a block is stored at place {@code i}. */
  private int place(int i) {
    return awqOrder ? (i & ~7) + AWQ_ORDER[i & 7] : i;
  }

  /** Byte offset of a word of a column. */
  private long columnWord(Codes codes, long word, long column) {
    long words = words(codes.rows(), codes.bits());
    return 4 * (transposed ? column * words + word : word * codes.columns() + column);
  }
}
