package org.modelopt.transform;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.modelopt.compute.Workers;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Applies changes to parameters, in float32 (rotations in float64), in their order. */
public final class Changes {
  private static final int ROWS_PER_TASK = 16;

  private Changes() {}

  /**
   * A changed copy in F32, not rounded to the type of {@code parameter}.
   *
   * @param parameter a matrix {@code [rows, columns]} or a vector of F32, BF16 or F16 on the host
   * @param arena owner of the result; shared if there are several workers
   */
  public static Tensor apply(List<Change> changes, Tensor parameter, Workers workers, Arena arena) {
    boolean vector = parameter.shape().rank() < 2;
    Shape shape = parameter.shape();
    int columns = Math.toIntExact(vector ? shape.elements() : shape.columns());
    long rows = vector ? 1 : shape.rows();
    Tensor changed = Tensor.allocate(arena, DType.F32, shape);
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          float[] row = new float[columns];
          for (long i = from; i < to; i++) {
            parameter.copyFloats(i * columns, row, 0, columns);
            MemorySegment.copy(row, 0, changed.segment(), Tensor.FLOAT, i * columns * 4L, columns);
          }
        });
    for (Change change : changes) {
      switch (change) {
        case Change.ScaleColumns(Tensor factors) -> scale(changed, columns, factors, workers);
        case Change.ScaleRows(Tensor factors) -> {
          if (vector) {
            scale(changed, columns, factors, workers);
          } else {
            scaleRows(changed, rows, columns, factors, workers);
          }
        }
        case Change.ScaleNorm(float offset, Tensor factors) ->
            scaleNorm(changed, columns, offset, factors);
        case Change.RotateColumns(Rotation rotation) ->
            rotateRuns(changed, rows, columns, rotation, workers);
        case Change.RotateRows(Rotation rotation) -> {
          if (vector) {
            rotateRuns(changed, 1, columns, rotation, workers);
          } else {
            rotateDown(changed, Math.toIntExact(rows), columns, rotation, workers);
          }
        }
      }
    }
    return changed;
  }

  private static void check(Tensor factors, long count) {
    if (factors.shape().elements() != count) {
      throw new IllegalArgumentException(
          "%d factors for %d channels".formatted(factors.shape().elements(), count));
    }
  }

  private static float[] read(Tensor tensor, long row, int columns) {
    float[] values = new float[columns];
    MemorySegment.copy(tensor.segment(), Tensor.FLOAT, row * columns * 4L, values, 0, columns);
    return values;
  }

  private static void write(Tensor tensor, long row, float[] values) {
    MemorySegment.copy(
        values, 0, tensor.segment(), Tensor.FLOAT, row * values.length * 4L, values.length);
  }

  private static void scale(Tensor tensor, int columns, Tensor factors, Workers workers) {
    check(factors, columns);
    float[] by = factors.toFloats();
    workers.forRange(
        tensor.shape().elements() / columns,
        ROWS_PER_TASK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            float[] row = read(tensor, i, columns);
            for (int j = 0; j < columns; j++) {
              row[j] *= by[j];
            }
            write(tensor, i, row);
          }
        });
  }

  private static void scaleRows(
      Tensor tensor, long rows, int columns, Tensor factors, Workers workers) {
    check(factors, rows);
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            float[] row = read(tensor, i, columns);
            float by = factors.getFloat(i);
            for (int j = 0; j < columns; j++) {
              row[j] *= by;
            }
            write(tensor, i, row);
          }
        });
  }

  private static void scaleNorm(Tensor tensor, int columns, float offset, Tensor factors) {
    check(factors, columns);
    float[] row = read(tensor, 0, columns);
    for (int j = 0; j < columns; j++) {
      row[j] = (row[j] + offset) * factors.getFloat(j) - offset;
    }
    write(tensor, 0, row);
  }

  private static void rotateRuns(
      Tensor tensor, long rows, int columns, Rotation rotation, Workers workers) {
    workers.forRange(
        rows,
        ROWS_PER_TASK,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            write(tensor, i, rotated(read(tensor, i, columns), rotation));
          }
        });
  }

  private static void rotateDown(
      Tensor tensor, int rows, int columns, Rotation rotation, Workers workers) {
    MemorySegment bytes = tensor.segment();
    workers.forRange(
        columns,
        ROWS_PER_TASK,
        (from, to) -> {
          for (long j = from; j < to; j++) {
            float[] column = new float[rows];
            for (int i = 0; i < rows; i++) {
              column[i] = bytes.get(Tensor.FLOAT, ((long) i * columns + j) * 4);
            }
            column = rotated(column, rotation);
            for (int i = 0; i < rows; i++) {
              bytes.set(Tensor.FLOAT, ((long) i * columns + j) * 4, column[i]);
            }
          }
        });
  }

  private static float[] rotated(float[] values, Rotation rotation) {
    double[] work = new double[values.length];
    for (int i = 0; i < work.length; i++) {
      work[i] = values[i];
    }
    rotation.apply(work);
    for (int i = 0; i < work.length; i++) {
      values[i] = (float) work[i];
    }
    return values;
  }
}
