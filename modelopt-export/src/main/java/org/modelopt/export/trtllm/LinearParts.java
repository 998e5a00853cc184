package org.modelopt.export.trtllm;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.export.unified.LinearFormat;
import org.modelopt.export.unified.LinearFormat.Algorithm;
import org.modelopt.formats.packing.Codes;
import org.modelopt.formats.packing.Packings;
import org.modelopt.job.LinearForm;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The tensors of a linear that have rows: codes and scales, in parts as ranks have them. */
final class LinearParts {
  private LinearParts() {}

  /**
   * A tensor with a row for each row of the weight, or for each pair.
   *
   * @param suffix name after the module and a dot
   * @param dtype type on disk
   * @param rowsPerElement weight rows in one element
   * @param columnsPerElement weight columns in one element; 0 for a vector along the rows
   * @param reader reads a part
   */
  record RowTensor(
      String suffix, DType dtype, int rowsPerElement, int columnsPerElement, Reader reader) {
    /** Reads a part of a linear. */
    @FunctionalInterface
    interface Reader {
      Tensor read(LinearForm form, Part part, Arena arena);
    }

    boolean isVector() {
      return columnsPerElement == 0;
    }

    /** Bytes of {@code rows} rows of a weight with {@code columns} columns in this rank. */
    long bytes(long rows, long columns) {
      long elements = isVector() ? rows : rows / rowsPerElement * (columns / columnsPerElement);
      return dtype.byteSize(elements);
    }

    /** Shape for a weight of this size. */
    Shape shape(long rows, long columns) {
      return isVector()
          ? Shape.of(rows)
          : Shape.of(rows / rowsPerElement, columns / columnsPerElement);
    }
  }

  static List<RowTensor> of(LinearFormat format, WeightQuantization how) {
    QuantSpec spec = how.spec();
    List<RowTensor> tensors = new ArrayList<>();
    int bits = spec.format().bits();
    if (format.algorithm() == Algorithm.INT4 || format.algorithm() == Algorithm.INT4_FP8) {
      tensors.add(
          new RowTensor(
              "weight",
              DType.I8,
              2,
              1,
              (form, part, arena) -> {
                Tensor nibbles = part.of(form.codes().codes(), 2, arena);
                Codes codes = new Codes(nibbles, part.rows(), part.columns(), 4, false);
                return Packings.ROW_PAIRS.pack(codes, arena).viewAs(DType.I8);
              }));
    } else {
      int perByte = 8 / bits;
      tensors.add(
          new RowTensor(
              "weight",
              spec.codesDType(),
              1,
              perByte,
              (form, part, arena) -> part.of(form.codes().codes(), perByte, arena)));
    }
    switch (format.algorithm()) {
      case FP8_ROWS -> tensors.add(rows("per_channel_scale"));
      case INT8 -> tensors.add(rows("weights_scaling_factor"));
      case INT4, INT4_FP8, NVFP4 -> {
        int group = format.group().orElseThrow();
        tensors.add(
            new RowTensor(
                "weights_scaling_factor",
                spec.scaleFormat().dtype(),
                1,
                group,
                (form, part, arena) -> part.of(form.codes().scales().values(), group, arena)));
      }
      default -> {
        // One scale for the whole tensor, or none.
      }
    }
    return tensors;
  }

  private static RowTensor rows(String suffix) {
    return new RowTensor(
        suffix,
        DType.F32,
        1,
        0,
        (form, part, arena) -> part.rowsOf(form.codes().scales().values()));
  }

  /** A weight that is not quantized. */
  static RowTensor plain(DType dtype) {
    return new RowTensor(
        "weight", dtype, 1, 1, (form, part, arena) -> part.of(form.plain(), 1, arena));
  }
}
