package org.modelopt.compute.cpu;

import java.util.Arrays;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.modelopt.compute.Workers;

/**
 * Matrix product of {@link Kernels} on blocks that fit the caches.
 *
 * <p>A task computes up to {@value #TASK_ROWS} rows of {@value #TILE_COLUMNS} columns. For every
 * {@link Kernels#DEPTH} terms of the sums it packs its columns of b once and multiplies them with
 * {@value #TILE_ROWS} rows of a at a time. An element is the sum, in order, of one chain of fused
 * multiply-adds per {@link Kernels#DEPTH} terms, whatever the tiles.
 */
final class BlockedProduct implements MatrixProduct {
  private static final int TASK_ROWS = 960;
  private static final int TILE_ROWS = 240; // a multiple of the rows of a kernel
  private static final int TILE_COLUMNS = 128; // a multiple of the columns of any panel

  private final Kernels kernels;
  private final Workers workers;
  private final Queue<Work> idle = new ConcurrentLinkedQueue<>();

  BlockedProduct(Kernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  @Override
  public String description() {
    return kernels.description();
  }

  @Override
  public void multiply(Matrix a, Matrix b, Optional<Elements> bias, Matrix y) {
    long columnTiles = Math.ceilDiv(y.columns(), TILE_COLUMNS);
    long rowTiles = Math.ceilDiv(y.rows(), TASK_ROWS);
    workers.forRange(
        columnTiles * rowTiles,
        1,
        (task, end) -> {
          long row = task / columnTiles * TASK_ROWS;
          long lastRow = Math.min(y.rows(), row + TASK_ROWS);
          long column = task % columnTiles * TILE_COLUMNS;
          long lastColumn = Math.min(y.columns(), column + TILE_COLUMNS);
          Work polled = idle.poll();
          Work work = polled != null ? polled : new Work();
          work.multiply(a.rows(row, lastRow), b.columns(column, lastColumn));
          work.store(bias, column, y.rows(row, lastRow).columns(column, lastColumn));
          idle.add(work);
        });
  }

  @Override
  public Optional<Tile> tile(Sizes sizes) {
    return Optional.empty();
  }

  @Override
  public void close() {
    idle.clear();
  }

  /** The arrays of one task. They grow to what is needed, at most one mebibyte together. */
  private final class Work {
    private final Packing packing = new Packing(kernels);
    private float[] rows = {};
    private float[] panels = {};
    private float[] sums = {};

    void multiply(Matrix a, Matrix b) {
      int depth = (int) Math.min(Kernels.DEPTH, a.columns());
      rows = grown(rows, (int) Math.min(TILE_ROWS, a.rows()) * depth);
      panels = grown(panels, Packing.panelFloats(kernels, depth, (int) b.columns()));
      sums = grown(sums, (int) a.rows() * TILE_COLUMNS);
      Arrays.fill(sums, 0, (int) a.rows() * TILE_COLUMNS, 0);
      for (long k = 0; k < a.columns(); k += Kernels.DEPTH) {
        long end = Math.min(a.columns(), k + Kernels.DEPTH);
        addProduct(a.columns(k, end), b.rows(k, end));
      }
    }

    private void addProduct(Matrix a, Matrix b) {
      Kernels.Panels packed = packing.panels(b, panels);
      int depth = (int) a.columns();
      for (int row = 0; row < a.rows(); row += TILE_ROWS) {
        int count = (int) Math.min(TILE_ROWS, a.rows() - row);
        packing.rows(a.rows(row, row + count), rows, 0, depth);
        kernels.multiply(
            new Kernels.Rows(rows, 0, depth),
            count,
            packed,
            depth,
            new Kernels.Rows(sums, row * TILE_COLUMNS, TILE_COLUMNS));
      }
    }

    void store(Optional<Elements> bias, long firstColumn, Matrix y) {
      int columns = (int) y.columns();
      Block block = new Block(kernels, sums);
      Block offsets = new Block(kernels, columns);
      bias.ifPresent(elements -> offsets.load(elements, firstColumn, columns));
      for (int row = 0; row < y.rows(); row++) {
        int start = row * TILE_COLUMNS;
        if (bias.isPresent()) {
          for (int i = 0; i < columns; i++) {
            sums[start + i] += offsets.values()[i];
          }
        }
        block.store(start, y.elements(), y.index(row, 0), columns);
      }
    }

    private static float[] grown(float[] array, int length) {
      return array.length < length ? new float[length] : array;
    }
  }
}
