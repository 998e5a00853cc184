package org.modelopt.export.verify.scheme;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import org.modelopt.export.verify.scheme.Part.Content;
import org.modelopt.export.verify.scheme.Part.Merge;
import org.modelopt.export.verify.scheme.Scheme.Carrier;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Storage of AutoAWQ's {@code gemm} version: 4-bit codes in 32-bit words along the outputs.
 *
 * <p>w = (q − z) · s, with q, z from 0 to 15. Word c of a row holds outputs 8c to 8c + 7, output 8c
 * + j in the 4 bits numbered {@code NIBBLE[j]}.
 *
 * <p>Source: AutoAWQ, {@code awq/modules/linear/gemm.py}.
 */
public final class AwqSchemes {
  private static final int[] NIBBLE = {0, 4, 1, 5, 2, 6, 3, 7};
  private static final int WORD = 8;

  private AwqSchemes() {}

  /**
   * The scheme.
   *
   * @param group inputs under one scale; 0 for all of them
   */
  public static Scheme gemm(int group) {
    Tile tile = Tile.group(group);
    return new Scheme(
        "AWQ " + (group == 0 ? "without groups" : "g" + group),
        List.of(
            Part.codes("qweight", Set.of(DType.I32), (n, k) -> List.of(Shape.of(k, n / WORD))),
            new Part(
                "qzeros",
                true,
                Set.of(DType.I32),
                (n, k) -> List.of(Shape.of(k / tile.columnsOf(k), n / WORD)),
                Content.OTHER,
                Merge.STACKED),
            Part.scales(
                "scales",
                Set.of(DType.F16, DType.BF16),
                (n, k) -> List.of(Shape.of(k / tile.columnsOf(k), n)))),
        tile,
        Grid.integers(7.5),
        WORD,
        Math.max(group, 1),
        0,
        new Carrier("qweight", WORD, 1, true),
        (tensors, n, k) -> decoder(tensors, n, Math.toIntExact(k), tile.columnsOf(k)),
        Inspection.NONE);
  }

  private static RowDecoder decoder(Tensors tensors, long n, int columns, long group) {
    MemorySegment codes = tensors.get("qweight").segment();
    MemorySegment zeros = tensors.get("qzeros").segment();
    Tensor scales = tensors.get("scales");
    return (from, rows, values, steps) -> {
      // Words hold eight rows: go down the columns once for all the rows that are wanted.
      for (int c = 0; c < columns; c++) {
        long g = c / group;
        for (int r = 0; r < rows; r++) {
          long row = from + r;
          float step = Decode.scale(scales, g * n + row);
          int code = nibble(codes, c, n, row) - nibble(zeros, g, n, row);
          values[r * columns + c] = code * step;
          if (steps.length > 0) {
            steps[r * columns + c] = step;
          }
        }
      }
    };
  }

  private static int nibble(MemorySegment words, long line, long n, long row) {
    int word = words.get(Tensor.INT, (line * (n / WORD) + row / WORD) * 4);
    return (word >>> (4 * NIBBLE[(int) (row % WORD)])) & 15;
  }
}
