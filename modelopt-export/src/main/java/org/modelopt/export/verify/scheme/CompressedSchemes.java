package org.modelopt.export.verify.scheme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
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
 * Storage of compressed-tensors.
 *
 * <p>Global scales of NVFP4 are inverse here: w = q · weight_scale / weight_global_scale.
 *
 * <p>Source: vLLM, {@code layers/quantization/compressed_tensors/schemes}; compressed-tensors,
 * {@code compressors}.
 */
public final class CompressedSchemes {
  private static final int NVFP4_GROUP = 16;
  private static final String PACKED = "weight_packed";
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private CompressedSchemes() {}

  /** NVFP4 weights, with NVFP4 inputs or without. */
  public static Scheme nvfp4(boolean inputs) {
    List<Part> parts = new ArrayList<>();
    parts.add(Part.codes(PACKED, Set.of(DType.U8), Part.HALF_COLUMNS));
    parts.add(Part.scales("weight_scale", Set.of(DType.F8_E4M3), groups(NVFP4_GROUP)));
    parts.add(Part.scalar("weight_global_scale", Merge.EQUAL));
    if (inputs) {
      parts.add(Part.scalar("input_global_scale", Merge.EQUAL));
    }
    Tile tile = Tile.group(NVFP4_GROUP);
    return new Scheme(
        "compressed-tensors NVFP4 W4A" + (inputs ? 4 : 16),
        parts,
        tile,
        Grid.E2M1,
        1,
        NVFP4_GROUP,
        0,
        new Carrier(PACKED, 1, 2, false),
        (tensors, n, k) -> {
          float global = 1 / Decode.scale(tensors.get("weight_global_scale"), 0);
          return Decoders.e2m1(
              tensors.get(PACKED),
              new ScaleRows(tensors.get("weight_scale"), tile, n, k, global),
              k);
        },
        Inspection.NONE);
  }

  /** MXFP4 weights. */
  public static Scheme mxfp4() {
    return ModelOptSchemes.mxfp4("compressed-tensors MXFP4", PACKED, List.of());
  }

  /** MXFP8 weights. */
  public static Scheme mxfp8() {
    return ModelOptSchemes.mxfp8("compressed-tensors MXFP8");
  }

  /** FP8 weights with one scale for each {@code tile}. */
  public static Scheme fp8(Tile tile, boolean staticInputs) {
    List<Part> scales = new ArrayList<>();
    scales.add(scales(tile));
    if (staticInputs) {
      scales.add(Part.scalar("input_scale", Merge.LARGEST));
    }
    return ModelOptSchemes.e4m3("compressed-tensors FP8 " + name(tile), tile, Grid.E4M3, 1, scales);
  }

  /**
   * Integer codes of 4 or 8 bits, each in a byte.
   *
   * @param staticInputs whether the input has a scale on disk
   * @param zeroPoint whether the input has a zero point on disk, too
   */
  public static Scheme bytes(int bits, Tile tile, boolean staticInputs, boolean zeroPoint) {
    List<Part> parts = new ArrayList<>();
    parts.add(Part.codes("weight", Set.of(DType.I8), Part.MATRIX));
    parts.add(scales(tile));
    if (staticInputs) {
      parts.add(Part.scalar("input_scale", Merge.EQUAL));
    }
    if (zeroPoint) {
      parts.add(Part.other("input_zero_point", Set.of(DType.I8), Part.SCALAR, Merge.EQUAL));
    }
    int top = (1 << (bits - 1)) - 1;
    return new Scheme(
        "compressed-tensors W%dA8 %s".formatted(bits, name(tile)),
        parts,
        tile,
        Grid.integers(top),
        1,
        Math.max((int) tile.columns(), 1),
        staticInputs ? 127 : 0,
        Carrier.PLAIN,
        (tensors, n, k) ->
            Decoders.int8(
                tensors.get("weight"),
                new ScaleRows(tensors.get("weight_scale"), tile, n, k, 1),
                k),
        (tensors, n, k, problems) -> inspectRange(tensors.get("weight"), top, problems));
  }

  private static void inspectRange(Tensor codes, int top, Inspection.Problems problems) {
    for (long i = 0; i < codes.shape().elements(); i++) {
      int code = (int) codes.getFloat(i);
      if (code < -top - 1 || code > top) {
        problems.add("weight", "codes from %d to %d".formatted(-top - 1, top), code + " at " + i);
        return;
      }
    }
  }

  /**
   * How integer codes are packed into 32-bit words along the inputs.
   *
   * @param bits bits of a code, 4 or 8
   * @param group inputs under one scale; 0 for all of them
   * @param symmetric whether there are no zero points
   * @param actOrder whether {@code weight_g_idx} names the group of each input
   */
  public record Packing(int bits, int group, boolean symmetric, boolean actOrder) {
    private int perWord() {
      return 32 / bits;
    }
  }

  /** w = (q − z) · weight_scale; words hold q + 2^(bits − 1), and zero points likewise. */
  public static Scheme packed(Packing packing) {
    int perWord = packing.perWord();
    Tile tile = Tile.group(packing.group());
    List<Part> parts = new ArrayList<>();
    parts.add(
        Part.codes(
            PACKED, Set.of(DType.I32), (n, k) -> List.of(Shape.of(n, Math.ceilDiv(k, perWord)))));
    parts.add(scales(tile));
    parts.add(
        Part.other(
            "weight_shape", Set.of(DType.I64), (n, k) -> List.of(Shape.of(2)), Merge.STACKED));
    if (!packing.symmetric()) {
      Dims dims = (n, k) -> List.of(Shape.of(Math.ceilDiv(n, perWord), k / tile.columnsOf(k)));
      parts.add(
          new Part(
              "weight_zero_point", true, Set.of(DType.I32), dims, Content.OTHER, Merge.STACKED));
    }
    if (packing.actOrder()) {
      parts.add(
          Part.other(
              "weight_g_idx", Set.of(DType.I32), (n, k) -> List.of(Shape.of(k)), Merge.STACKED));
    }
    return new Scheme(
        "compressed-tensors int%d %s"
            .formatted(packing.bits(), name(tile) + (packing.symmetric() ? "" : " asymmetric")),
        parts,
        tile,
        Grid.integers((1 << (packing.bits() - 1)) - (packing.symmetric() ? 1 : 0.5)),
        1,
        Math.max(packing.group(), 1),
        0,
        new Carrier(PACKED, 1, perWord, false),
        (tensors, n, k) -> decoder(packing, tensors, Math.toIntExact(k)),
        (tensors, n, k, problems) -> inspect(packing, tensors, n, k, problems));
  }

  private static RowDecoder decoder(Packing packing, Tensors tensors, int columns) {
    MemorySegment words = tensors.get(PACKED).segment();
    long wordsPerRow = Math.ceilDiv(columns, packing.perWord());
    Tensor scales = tensors.get("weight_scale");
    long groupsPerRow = scales.shape().columns();
    MemorySegment zeros =
        tensors.find("weight_zero_point").map(Tensor::segment).orElse(MemorySegment.NULL);
    int[] groups =
        tensors
            .find("weight_g_idx")
            .map(Tensor::toInts)
            .orElseGet(() -> GroupIndex.inOrder(columns, packing.group()));
    int half = 1 << (packing.bits() - 1);
    return (from, rows, values, steps) -> {
      for (int r = 0; r < rows; r++) {
        long row = from + r;
        for (int c = 0; c < columns; c++) {
          int code = field(packing, words, row * wordsPerRow + c / packing.perWord(), c);
          int zero =
              packing.symmetric()
                  ? half
                  : field(packing, zeros, row / packing.perWord() * groupsPerRow + groups[c], row);
          float step = Decode.scale(scales, row * groupsPerRow + groups[c]);
          values[r * columns + c] = (code - zero) * step;
          if (steps.length > 0) {
            steps[r * columns + c] = step;
          }
        }
      }
    };
  }

  private static int field(Packing packing, MemorySegment words, long word, long index) {
    int bits = words.get(Tensor.INT, word * 4);
    int shift = packing.bits() * (int) (index % packing.perWord());
    return (bits >>> shift) & ((1 << packing.bits()) - 1);
  }

  private static void inspect(
      Packing packing, Tensors tensors, long n, long k, Inspection.Problems problems) {
    MemorySegment shape = tensors.get("weight_shape").segment();
    long rows = shape.get(LONG, 0);
    long columns = shape.get(LONG, 8);
    if (rows != n || columns != k) {
      problems.add("weight_shape", "%d, %d".formatted(n, k), "%d, %d".formatted(rows, columns));
    }
    tensors
        .find("weight_g_idx")
        .ifPresent(index ->
            GroupIndex.inspect("weight_g_idx", index.toInts(), packing.group(), true, problems));
  }

  private static Part scales(Tile tile) {
    Dims dims =
        tile.equals(Tile.TENSOR)
            ? Part.SCALAR
            : (n, k) ->
                List.of(
                    Shape.of(Math.ceilDiv(n, tile.rowsOf(n)), Math.ceilDiv(k, tile.columnsOf(k))));
    return new Part(
        "weight_scale",
        true,
        Part.REAL,
        dims,
        Content.SCALE,
        tile.equals(Tile.TENSOR) ? Merge.LARGEST : Merge.STACKED);
  }

  private static Dims groups(int group) {
    return (n, k) -> List.of(Shape.of(n, k / group));
  }

  private static String name(Tile tile) {
    if (tile.equals(Tile.TENSOR)) {
      return "per tensor";
    }
    if (tile.equals(Tile.ROW)) {
      return "per channel";
    }
    return tile.rows() == 1
        ? "g" + tile.columns()
        : "in blocks of %d by %d".formatted(tile.rows(), tile.columns());
  }
}
