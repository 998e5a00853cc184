package org.modelopt.export.gguf.rows;

import java.util.ArrayList;
import java.util.List;
import org.modelopt.error.ExportException;
import org.modelopt.export.gguf.architecture.PlannedTensor;
import org.modelopt.export.gguf.architecture.PlannedTensor.Part;
import org.modelopt.export.gguf.architecture.PlannedTensor.Stored;
import org.modelopt.formats.ggml.FloatRows;
import org.modelopt.tensor.Tensor;

/**
 * The rows of one planned tensor as floats. Safe for use by several threads.
 *
 * <p>A row is what the parts count: a row of a matrix, or one element of a vector whose elements
 * move one by one.
 */
public final class RowSource {
  private final PlannedTensor planned;
  private final float addend;
  private final List<Opened> parts = new ArrayList<>();
  private final long rows;
  private final int columns;

  private record Opened(Part part, Tensor tensor, long first) {}

  /** Opens stored tensors: F32, F16 or BF16 on the host. */
  public interface Opener {
    /** The stored tensor called {@code name}, open for as long as rows are read. */
    Tensor open(String name);
  }

  /** The rows of {@code planned}, whose content is {@code stored}. */
  public RowSource(PlannedTensor planned, Stored stored, Opener opener) {
    this.planned = planned;
    this.addend = stored.addend();
    long count = 0;
    for (Part part : stored.parts()) {
      parts.add(new Opened(part, opener.open(part.source()), count));
      count += part.rows();
    }
    this.rows = count;
    long elements = planned.extents().stream().reduce(1L, Math::multiplyExact);
    this.columns = Math.toIntExact(elements / rows);
  }

  /** Number of rows. */
  public long rows() {
    return rows;
  }

  /** Length of a row. */
  public int columns() {
    return columns;
  }

  /**
   * Reads one row to the start of {@code x}.
   *
   * @throws ExportException if a value is not finite
   */
  public void read(long row, float[] x) {
    // Parts of one tensor are equally long.
    Opened opened = parts.get((int) (row / parts.getFirst().part().rows()));
    Part part = opened.part();
    long source = part.row().applyAsLong(row - opened.first());
    Tensor tensor = opened.tensor();
    float amax;
    if (part.transposed() == 0) {
      long offset = source * columns * tensor.dtype().bits() / 8;
      amax = FloatRows.load(tensor.dtype(), tensor.segment(), offset, columns, x);
    } else {
      amax = readColumn(tensor, source, part.transposed(), x);
    }
    if (!Float.isFinite(amax)) {
      throw new ExportException(
          "%s: row %d has a value that is not finite; llama.cpp refuses such files"
              .formatted(part.source(), source));
    }
    if (addend != 0) {
      for (int i = 0; i < columns; i++) {
        x[i] += addend;
      }
    }
  }

  private float readColumn(Tensor tensor, long row, long width, float[] x) {
    long first = row / width * columns * width + row % width;
    float amax = 0;
    for (int i = 0; i < columns; i++) {
      x[i] = tensor.getFloat(first + i * width);
      amax = Math.max(amax, Math.abs(x[i]));
    }
    return amax;
  }

  /** Name of the tensor. */
  @Override
  public String toString() {
    return planned.name();
  }
}
