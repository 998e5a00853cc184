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
 * Storage of llm-awq: 4-bit codes in 16-bit words, four rows interleaved in tiles of 64 columns.
 *
 * <p>w = q · s + t with q from 0 to 15 and t = −s · z stored as {@code scaled_zeros}. Within a run
 * of 32 columns, column 8x + 2y + z goes to place 8y + 4z + x; a tile of 64 places of four rows is
 * 256 codes, row after row, four to a word, the first lowest.
 *
 * <p>Source: llm-awq, {@code awq/quantize/qmodule.py}.
 */
public final class LlmAwqSchemes {
  private static final int ROWS = 4;
  private static final int TILE = 64;

  private LlmAwqSchemes() {}

  /**
   * The scheme.
   *
   * @param group inputs under one scale; 0 for all of them
   */
  public static Scheme of(int group) {
    Tile tile = Tile.group(group);
    Part.Dims scales = (n, k) -> List.of(Shape.of(lines(k / tile.columnsOf(k), group), n));
    return new Scheme(
        "llm-awq " + (group == 0 ? "without groups" : "g" + group),
        List.of(
            Part.codes("qweight", Set.of(DType.I16), (n, k) -> List.of(Shape.of(n / ROWS, k))),
            new Part("scales", true, Set.of(DType.F16), scales, Content.OTHER, Merge.STACKED),
            new Part(
                "scaled_zeros", true, Set.of(DType.F16), scales, Content.OTHER, Merge.STACKED)),
        tile,
        Grid.integers(7.5),
        ROWS,
        Math.max(group, TILE),
        0,
        new Carrier("qweight", ROWS, 1, false),
        (tensors, n, k) -> decoder(tensors, n, Math.toIntExact(k), tile.columnsOf(k)),
        (tensors, n, k, problems) -> inspect(tensors, n, k / tile.columnsOf(k), problems));
  }

  /** Rows of scales: kernels read them in words of eight groups, and words in packs by group. */
  private static long lines(long groups, int group) {
    long words = Math.ceilDiv(groups, 8L);
    long pack = group == 32 ? 4 : group == 64 ? 2 : 1;
    return Math.ceilDiv(words, pack) * pack * 8;
  }

  private static void inspect(Tensors tensors, long n, long groups, Inspection.Problems problems) {
    Tensor scales = tensors.get("scales");
    Tensor zeros = tensors.get("scaled_zeros");
    for (long i = 0; i < scales.shape().elements(); i++) {
      float scale = scales.getFloat(i);
      float zero = zeros.getFloat(i);
      boolean padding = i >= groups * n;
      if (padding ? scale != 0 || zero != 0 : !(scale > 0) || Float.isInfinite(scale)) {
        problems.add(
            "scales",
            padding ? "zeros after the last group" : "finite and positive",
            "element %d is %s".formatted(i, scale));
        return;
      }
      // Codes are 0 to 15, and so are zero points, but for the rounding of the product.
      if (!padding && !(zero <= 0 && -zero / scale <= 15.1f)) {
        problems.add(
            "scaled_zeros",
            "minus the scale times a zero point from 0 to 15",
            "element %d is %s times the scale".formatted(i, zero / scale));
        return;
      }
    }
  }

  private static RowDecoder decoder(Tensors tensors, long n, int columns, long group) {
    MemorySegment words = tensors.get("qweight").segment();
    Tensor scales = tensors.get("scales");
    Tensor zeros = tensors.get("scaled_zeros");
    return (from, rows, values, steps) -> {
      for (int r = 0; r < rows; r++) {
        long row = from + r;
        for (int c = 0; c < columns; c++) {
          long at = c / group * n + row;
          float scale = scales.getFloat(at);
          values[r * columns + c] = code(words, row, c, columns) * scale + zeros.getFloat(at);
          if (steps.length > 0) {
            steps[r * columns + c] = scale;
          }
        }
      }
    };
  }

  private static int code(MemorySegment words, long row, int column, int columns) {
    int run = column % 32;
    int place = column % TILE - run + run % 8 / 2 * 8 + run % 2 * 4 + run / 8;
    long index = row % ROWS * TILE + place;
    long word = row / ROWS * columns + (column - column % TILE) + index / 4;
    return words.get(Tensor.SHORT, 2 * word) >>> (int) (index % 4 * 4) & 15;
  }
}
