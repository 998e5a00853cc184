package org.modelopt.formats;

import java.util.function.Consumer;
import org.modelopt.compute.Workers;
import org.modelopt.formats.internal.Strip;

/**
 * Parallel loops over the elements of a matrix. The cut into pieces is a function of the sizes
 * alone, so that results cannot depend on the number of threads.
 */
final class Pieces {
  /**
   * About as many elements as a task should have: 128 KiB of bfloat16, half a second-level cache.
   */
  private static final long TASK = 1 << 16;

  /** Part of one row. */
  @FunctionalInterface
  interface Task {
    void run(Strip strip, long row, long from, long to);
  }

  /** An index from a range. */
  @FunctionalInterface
  interface IndexTask {
    void run(Strip strip, long index);
  }

  private final Workers workers;
  private final StripPool strips;

  Pieces(Workers workers, StripPool strips) {
    this.workers = workers;
    this.strips = strips;
  }

  private static long partColumns(int multiple) {
    return TASK / multiple * multiple;
  }

  /** Into how many parts {@link #forParts} cuts a row. */
  static long partsPerRow(long columns, int multiple) {
    return Math.ceilDiv(columns, partColumns(multiple));
  }

  /** Which part of its row begins with column {@code from}. */
  static long partOf(long from, int multiple) {
    return from / partColumns(multiple);
  }

  /**
   * Runs {@code task} over all rows, long ones in parts.
   *
   * @param multiple parts start at multiples of this; at most {@link Strip#CAPACITY}
   */
  void forParts(long rows, long columns, int multiple, Task task) {
    if (rows == 0 || columns == 0) {
      return;
    }
    long part = partColumns(multiple);
    long partsPerRow = partsPerRow(columns, multiple);
    long partsPerTask = Math.max(1, TASK / Math.min(columns, part));
    forIndices(
        rows * partsPerRow,
        partsPerTask,
        (strip, index) -> {
          long from = index % partsPerRow * part;
          task.run(strip, index / partsPerRow, from, Math.min(columns, from + part));
        });
  }

  /** Runs {@code task} over indices that stand for {@code elements} elements each. */
  void forEach(long count, long elements, IndexTask task) {
    forIndices(count, Math.max(1, TASK / Math.max(1, elements)), task);
  }

  /** Runs {@code task} once, on this thread. */
  void withStrip(Consumer<Strip> task) {
    Strip strip = strips.take();
    try {
      task.accept(strip);
    } finally {
      strips.giveBack(strip);
    }
  }

  private void forIndices(long count, long chunk, IndexTask task) {
    workers.forRange(
        count,
        chunk,
        (from, to) ->
            withStrip(strip -> {
              for (long index = from; index < to; index++) {
                task.run(strip, index);
              }
            }));
  }
}
