package org.modelopt.export.verify.scheme;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import org.modelopt.export.verify.scheme.Part.Content;
import org.modelopt.export.verify.scheme.Part.Dims;
import org.modelopt.export.verify.scheme.Part.Merge;
import org.modelopt.export.verify.scheme.Scheme.Carrier;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Storage of GPTQ: codes in 32-bit words along the inputs, lowest bits first.
 *
 * <p>w = (q − z) · s with 0 ≤ q &lt; 2^bits and the group of each input in {@code g_idx}. Version 1
 * of the format stores z − 1.
 *
 * <p>Source: GPTQModel, {@code gptqmodel/nn_modules/qlinear}.
 */
public final class GptqSchemes {
  private GptqSchemes() {}

  /**
   * How a checkpoint of this method is stored.
   *
   * @param bits bits of a code, 4 or 8
   * @param group inputs under one scale; 0 for all of them
   * @param symmetric whether all zero points are 2^(bits − 1)
   * @param actOrder whether inputs were quantized in another order, so that {@code g_idx} counts
   * @param version2 whether zero points are stored as they are
   */
  public record Form(int bits, int group, boolean symmetric, boolean actOrder, boolean version2) {
    private int perWord() {
      return 32 / bits;
    }

    private int mask() {
      return (1 << bits) - 1;
    }

    /** What a zero point field of a symmetric checkpoint holds. */
    private int symmetricField() {
      return (1 << (bits - 1)) - (version2 ? 0 : 1);
    }
  }

  /** The scheme of {@code form}. */
  public static Scheme of(Form form) {
    int perWord = form.perWord();
    Tile tile = Tile.group(form.group());
    double levels = (1 << (form.bits() - 1)) - (form.symmetric() ? 1 : 0.5);
    Part index =
        Part.other("g_idx", Set.of(DType.I32), (n, k) -> List.of(Shape.of(k)), Merge.STACKED);
    Dims scales = (n, k) -> List.of(Shape.of(Math.ceilDiv(k, tile.columnsOf(k)), n));
    Dims zeros =
        (n, k) -> List.of(Shape.of(Math.ceilDiv(k, tile.columnsOf(k)), Math.ceilDiv(n, perWord)));
    return new Scheme(
        "GPTQ %d bit%s%s"
            .formatted(
                form.bits(),
                form.group() == 0 ? "" : " g" + form.group(),
                form.symmetric() ? "" : " asymmetric"),
        List.of(
            Part.codes("qweight", Set.of(DType.I32), (n, k) -> List.of(Shape.of(k / perWord, n))),
            new Part("qzeros", true, Set.of(DType.I32), zeros, Content.OTHER, Merge.STACKED),
            Part.scales("scales", Set.of(DType.F16, DType.BF16), scales),
            form.actOrder() ? index : index.optional()),
        tile,
        Grid.integers(levels),
        1,
        perWord,
        0,
        new Carrier("qweight", 1, perWord, true),
        (tensors, n, k) -> decoder(form, tensors, n, Math.toIntExact(k)),
        (tensors, n, k, problems) -> inspect(form, tensors, n, problems));
  }

  private static RowDecoder decoder(Form form, Tensors tensors, long n, int columns) {
    MemorySegment codes = tensors.get("qweight").segment();
    MemorySegment zeros = tensors.get("qzeros").segment();
    Tensor scales = tensors.get("scales");
    int[] groups =
        tensors
            .find("g_idx")
            .map(Tensor::toInts)
            .orElseGet(() -> GroupIndex.inOrder(columns, form.group()));
    long zeroWords = Math.ceilDiv(n, form.perWord());
    int offset = form.version2() ? 0 : 1;
    return (from, rows, values, steps) -> {
      for (int c = 0; c < columns; c++) {
        int group = groups[c];
        for (int r = 0; r < rows; r++) {
          long row = from + r;
          int code = field(form, codes, (long) c / form.perWord() * n + row, c);
          int zero = field(form, zeros, group * zeroWords + row / form.perWord(), row) + offset;
          float step = Decode.scale(scales, group * n + row);
          values[r * columns + c] = (code - zero) * step;
          if (steps.length > 0) {
            steps[r * columns + c] = step;
          }
        }
      }
    };
  }

  /** Field {@code index mod fields per word} of a word. */
  private static int field(Form form, MemorySegment words, long word, long index) {
    int bits = words.get(Tensor.INT, word * 4);
    return (bits >>> (form.bits() * (int) (index % form.perWord()))) & form.mask();
  }

  private static void inspect(Form form, Tensors tensors, long n, Inspection.Problems problems) {
    tensors
        .find("g_idx")
        .ifPresent(index ->
            GroupIndex.inspect("g_idx", index.toInts(), form.group(), form.actOrder(), problems));
    if (!form.symmetric()) {
      return;
    }
    Tensor zeros = tensors.get("qzeros");
    long words = zeros.shape().columns();
    for (long g = 0; g < zeros.shape().rows(); g++) {
      for (long row = 0; row < n; row++) {
        int found = field(form, zeros.segment(), g * words + row / form.perWord(), row);
        if (found != form.symmetricField()) {
          problems.add(
              "qzeros",
              "%d in every field of a symmetric checkpoint".formatted(form.symmetricField()),
              "%d for group %d of output %d".formatted(found, g, row));
          return;
        }
      }
    }
  }
}
