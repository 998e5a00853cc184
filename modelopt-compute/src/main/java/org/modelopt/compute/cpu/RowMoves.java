package org.modelopt.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Operations that take columns and rows of matrices to other places. */
final class RowMoves {
  private static final int ELEMENTS_PER_TASK = 32768;

  /** Shorter runs of columns are copied element by element. */
  private static final int SHORT_RUN = 16;

  private final Kernels kernels;
  private final Workers workers;

  RowMoves(Kernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  /**
   * Neighbouring columns of one source that stay neighbours.
   *
   * @param source index of the source
   * @param from first column in the source
   * @param to first column in the result
   * @param count columns
   */
  private record Run(int source, int from, int to, int count) {}

  /** See {@link org.modelopt.compute.Backend#columns}. */
  void columns(List<Tensor> sources, int[] columns, MemorySegment y, long rows) {
    DType dtype = sources.getFirst().dtype();
    List<Run> runs = runs(sources, columns);
    long elementBytes = dtype.bits() / Byte.SIZE;
    workers.forRange(
        rows,
        Math.max(1, ELEMENTS_PER_TASK / Math.max(1, columns.length)),
        (first, end) -> {
          for (Run run : runs) {
            Tensor source = sources.get(run.source());
            long width = source.shape().dim(1);
            for (long row = first; row < end; row++) {
              copy(
                  source.segment(),
                  (row * width + run.from()) * elementBytes,
                  y,
                  (row * columns.length + run.to()) * elementBytes,
                  run.count(),
                  elementBytes);
            }
          }
        });
  }

  private static void copy(
      MemorySegment from, long fromByte, MemorySegment to, long toByte, int count, long bytes) {
    if (count >= SHORT_RUN) {
      MemorySegment.copy(from, fromByte, to, toByte, count * bytes);
    } else if (bytes == Short.BYTES) {
      for (long i = 0; i < count * bytes; i += bytes) {
        to.set(Tensor.SHORT, toByte + i, from.get(Tensor.SHORT, fromByte + i));
      }
    } else {
      for (long i = 0; i < count * bytes; i += bytes) {
        to.set(Tensor.INT, toByte + i, from.get(Tensor.INT, fromByte + i));
      }
    }
  }

  private static List<Run> runs(List<Tensor> sources, int[] columns) {
    List<Run> runs = new ArrayList<>();
    int at = 0;
    while (at < columns.length) {
      int source = 0;
      int before = 0;
      while (columns[at] >= before + sources.get(source).shape().dim(1)) {
        before += Math.toIntExact(sources.get(source).shape().dim(1));
        source++;
      }
      long limit = before + sources.get(source).shape().dim(1);
      int end = at + 1;
      while (end < columns.length && columns[end] == columns[end - 1] + 1 && columns[end] < limit) {
        end++;
      }
      runs.add(new Run(source, columns[at] - before, at, end - at));
      at = end;
    }
    return runs;
  }

  /** See {@link org.modelopt.compute.Backend#mixRows}. */
  void mixRows(List<Tensor> sources, int[] rows, float[] weights, int each, Elements y, int width) {
    long[] ends = new long[sources.size()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      end += sources.get(i).shape().dim(0);
      ends[i] = end;
    }
    workers.forRange(
        rows.length / each,
        Math.max(1, ELEMENTS_PER_TASK / Math.max(1, width * each)),
        (first, last) -> {
          Block sum = new Block(kernels, width);
          Block term = new Block(kernels, width);
          for (long row = first; row < last; row++) {
            java.util.Arrays.fill(sum.values(), 0);
            for (int j = 0; j < each; j++) {
              int index = (int) row * each + j;
              int source = 0;
              while (rows[index] >= ends[source]) {
                source++;
              }
              Tensor matrix = sources.get(source);
              long within = rows[index] - (ends[source] - matrix.shape().dim(0));
              term.load(Elements.of(matrix), within * width, width);
              kernels.addScaled(sum.values(), term.values(), width, weights[index]);
            }
            sum.store(y, row * width, width);
          }
        });
  }
}
