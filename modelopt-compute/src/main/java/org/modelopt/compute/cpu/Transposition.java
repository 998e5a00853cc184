package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/**
 * Transposed copies, block by block so that reading and writing stay in the caches. Written out for
 * both widths: arrays of primitives have no common form.
 */
final class Transposition {
  private static final int ROWS = 128;
  private static final int COLUMNS = 256;
  private static final int SQUARE = 16;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Transposition() {}

  /**
   * Columns {@code from} to {@code to} of {@code x} {@code [t, c]} as rows {@code [to - from, t]}.
   *
   * @param x F32 or BF16
   */
  static void columns(Tensor x, int from, int to, MemorySegment into, Workers workers) {
    int rows = Math.toIntExact(x.shape().dim(0));
    int columns = Math.toIntExact(x.shape().dim(1));
    boolean wide = x.dtype() == DType.F32;
    workers.forRange(
        Math.ceilDiv(rows, ROWS),
        1,
        (first, last) -> {
          for (int row = (int) first * ROWS; row < Math.min(rows, last * ROWS); row += ROWS) {
            for (int column = from; column < to; column += COLUMNS) {
              int height = Math.min(ROWS, rows - row);
              int width = Math.min(COLUMNS, to - column);
              long source = (long) row * columns + column;
              long target = (long) (column - from) * rows + row;
              if (wide) {
                ints(x.segment(), source, columns, height, width, into, target, rows);
              } else {
                shorts(x.segment(), source, columns, height, width, into, target, rows);
              }
            }
          }
        });
  }

  private static void shorts(
      MemorySegment x,
      long source,
      int columns,
      int height,
      int width,
      MemorySegment into,
      long target,
      int rows) {
    short[] block = new short[ROWS * COLUMNS];
    short[] turned = new short[ROWS * COLUMNS];
    for (int i = 0; i < height; i++) {
      long at = (source + (long) i * columns) * Short.BYTES;
      MemorySegment.copy(x, SHORT, at, block, i * COLUMNS, width);
    }
    for (int j = 0; j < COLUMNS; j += SQUARE) {
      for (int i = 0; i < ROWS; i += SQUARE) {
        turn(block, turned, i, j);
      }
    }
    for (int j = 0; j < width; j++) {
      long at = (target + (long) j * rows) * Short.BYTES;
      MemorySegment.copy(turned, j * ROWS, into, SHORT, at, height);
    }
  }

  private static void turn(short[] block, short[] turned, int row, int column) {
    for (int j = column; j < column + SQUARE; j++) {
      for (int i = row; i < row + SQUARE; i++) {
        turned[j * ROWS + i] = block[i * COLUMNS + j];
      }
    }
  }

  private static void ints(
      MemorySegment x,
      long source,
      int columns,
      int height,
      int width,
      MemorySegment into,
      long target,
      int rows) {
    int[] block = new int[ROWS * COLUMNS];
    int[] turned = new int[ROWS * COLUMNS];
    for (int i = 0; i < height; i++) {
      long at = (source + (long) i * columns) * Integer.BYTES;
      MemorySegment.copy(x, INT, at, block, i * COLUMNS, width);
    }
    for (int j = 0; j < COLUMNS; j += SQUARE) {
      for (int i = 0; i < ROWS; i += SQUARE) {
        turn(block, turned, i, j);
      }
    }
    for (int j = 0; j < width; j++) {
      long at = (target + (long) j * rows) * Integer.BYTES;
      MemorySegment.copy(turned, j * ROWS, into, INT, at, height);
    }
  }

  private static void turn(int[] block, int[] turned, int row, int column) {
    for (int j = column; j < column + SQUARE; j++) {
      for (int i = row; i < row + SQUARE; i++) {
        turned[j * ROWS + i] = block[i * COLUMNS + j];
      }
    }
  }
}
