package org.modelopt.compute.cpu;

import static org.modelopt.compute.cpu.VectorShapes.FLOATS;
import static org.modelopt.compute.cpu.VectorShapes.floats;
import static org.modelopt.compute.cpu.VectorShapes.load;

import jdk.incubator.vector.FloatVector;

/**
 * The inner part of a matrix product: six rows times a panel two vectors wide, twelve sums in
 * registers. Arrays, not memory segments: the compiler keeps vectors in registers only there.
 */
final class VectorProduct {
  static final int PANEL_COLUMNS = 2 * FLOATS.length();
  private static final int WIDTH = FLOATS.length();
  private static final int ROWS = 6;

  private VectorProduct() {}

  /** See {@link Kernels#multiply(Kernels.Rows, int, Kernels.Panels, int, Kernels.Rows)}. */
  static void multiply(Kernels.Rows a, int rows, Kernels.Panels b, int depth, Kernels.Rows c) {
    for (int panel = 0; panel < b.count(); panel++) {
      int start = b.first() + panel * b.stride();
      int column = c.first() + panel * PANEL_COLUMNS;
      for (int row = 0; row < rows; row += ROWS) {
        sixRows(
            a.values(),
            a.first() + row * a.stride(),
            a.stride(),
            Math.min(ROWS, rows - row),
            b.values(),
            start,
            depth,
            c.values(),
            column + row * c.stride(),
            c.stride());
      }
    }
  }

  /** Rows from {@code rows} on are computed as copies of the last one and not stored. */
  private static void sixRows(
      float[] a,
      int first,
      int aStride,
      int rows,
      float[] panel,
      int start,
      int depth,
      float[] c,
      int result,
      int cStride) {
    int row1 = first + Math.min(1, rows - 1) * aStride;
    int row2 = first + Math.min(2, rows - 1) * aStride;
    int row3 = first + Math.min(3, rows - 1) * aStride;
    int row4 = first + Math.min(4, rows - 1) * aStride;
    int row5 = first + Math.min(5, rows - 1) * aStride;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s40 = s00;
    FloatVector s41 = s00;
    FloatVector s50 = s00;
    FloatVector s51 = s00;
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = load(panel, start + i * PANEL_COLUMNS);
      FloatVector b1 = load(panel, start + i * PANEL_COLUMNS + WIDTH);
      FloatVector x = floats(a[first + i]);
      s00 = x.fma(b0, s00);
      s01 = x.fma(b1, s01);
      x = floats(a[row1 + i]);
      s10 = x.fma(b0, s10);
      s11 = x.fma(b1, s11);
      x = floats(a[row2 + i]);
      s20 = x.fma(b0, s20);
      s21 = x.fma(b1, s21);
      x = floats(a[row3 + i]);
      s30 = x.fma(b0, s30);
      s31 = x.fma(b1, s31);
      x = floats(a[row4 + i]);
      s40 = x.fma(b0, s40);
      s41 = x.fma(b1, s41);
      x = floats(a[row5 + i]);
      s50 = x.fma(b0, s50);
      s51 = x.fma(b1, s51);
    }
    add(c, result, s00, s01);
    if (rows > 1) {
      add(c, result + cStride, s10, s11);
    }
    if (rows > 2) {
      add(c, result + 2 * cStride, s20, s21);
    }
    if (rows > 3) {
      add(c, result + 3 * cStride, s30, s31);
    }
    if (rows > 4) {
      add(c, result + 4 * cStride, s40, s41);
    }
    if (rows > 5) {
      add(c, result + 5 * cStride, s50, s51);
    }
  }

  private static void add(float[] c, int index, FloatVector left, FloatVector right) {
    load(c, index).add(left).intoArray(c, index);
    load(c, index + WIDTH).add(right).intoArray(c, index + WIDTH);
  }
}
