package org.modelopt.compute.cpu;

import java.util.Arrays;

/**
 * Copies parts of matrices into the arrays that {@link Kernels#multiply} reads, whatever their type
 * and orientation. Used by one thread.
 */
final class Packing {
  private static final int LINES = 4;

  private final Kernels kernels;
  private final Block[] blocks = new Block[LINES];
  private final float[][] lines = new float[LINES][];

  Packing(Kernels kernels) {
    this.kernels = kernels;
    Arrays.setAll(blocks, i -> new Block(kernels, Kernels.DEPTH));
  }

  /** The matrix row by row from {@code first} on, rows {@code stride} apart. */
  void rows(Matrix matrix, float[] target, int first, int stride) {
    int rows = (int) matrix.rows();
    int columns = (int) matrix.columns();
    if (matrix.columnStride() == 1) {
      Block block = new Block(kernels, target);
      for (int row = 0; row < rows; row++) {
        block.load(matrix.elements(), matrix.index(row, 0), first + row * stride, columns);
      }
      return;
    }
    for (int column = 0; column < columns; column++) {
      float[] line = column(matrix, column, 0);
      for (int row = 0; row < rows; row++) {
        target[first + row * stride + column] = line[row];
      }
    }
  }

  /** The matrix as panels, one after the other; missing columns are 0. */
  Kernels.Panels panels(Matrix matrix, float[] target) {
    int width = kernels.panelColumns();
    int depth = (int) matrix.rows();
    int columns = (int) matrix.columns();
    int count = Math.ceilDiv(columns, width);
    if (columns % width != 0) {
      Arrays.fill(target, (count - 1) * width * depth, count * width * depth, 0);
    }
    if (matrix.columnStride() == 1) {
      copyRows(matrix, target, width);
    } else {
      interleaveColumns(matrix, target, width);
    }
    return new Kernels.Panels(target, 0, width * depth, count);
  }

  private void copyRows(Matrix matrix, float[] target, int width) {
    int depth = (int) matrix.rows();
    int columns = (int) matrix.columns();
    Matrix transposed = matrix.transposed();
    for (int row = 0; row < depth; row++) {
      float[] line = column(transposed, row, 0);
      for (int column = 0; column < columns; column += width) {
        int length = Math.min(width, columns - column);
        System.arraycopy(line, column, target, column * depth + row * width, length);
      }
    }
  }

  private void interleaveColumns(Matrix matrix, float[] target, int width) {
    int depth = (int) matrix.rows();
    int columns = (int) matrix.columns();
    for (int column = 0; column < columns; column += LINES) {
      for (int i = 0; i < LINES; i++) {
        // Beyond the last column any values will do; they are not part of the result.
        lines[i] = column(matrix, Math.min(column + i, columns - 1), i);
      }
      int start = column / width * width * depth + column % width;
      kernels.interleave(lines, depth, target, start);
    }
  }

  /** Floats that {@link #panels} of a matrix of this size takes. */
  static int panelFloats(Kernels kernels, int depth, int columns) {
    return Math.ceilDiv(columns, kernels.panelColumns()) * kernels.panelColumns() * depth;
  }

  /** One column of the matrix, in one of the blocks. */
  private float[] column(Matrix matrix, int column, int block) {
    int count = (int) matrix.rows();
    if (blocks[block].values().length < count) {
      blocks[block] = new Block(kernels, count);
    }
    Block line = blocks[block];
    if (matrix.rowStride() == 1) {
      line.load(matrix.elements(), matrix.index(0, column), count);
    } else {
      for (int row = 0; row < count; row++) {
        line.load(matrix.elements(), matrix.index(row, column), row, 1);
      }
    }
    return line.values();
  }
}
