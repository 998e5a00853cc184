package org.modelopt.export.verify.scheme;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import org.modelopt.export.verify.scheme.Part.Content;
import org.modelopt.export.verify.scheme.Part.Dims;
import org.modelopt.export.verify.scheme.Part.Merge;
import org.modelopt.export.verify.scheme.Scheme.Carrier;
import org.modelopt.export.verify.scheme.Scheme.Decoding;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Storage of the algorithms that a ModelOpt configuration names.
 *
 * <p>Source: vLLM, {@code layers/quantization/modelopt.py}; TensorRT-LLM, {@code
 * _torch/modules/linear.py}; Model Optimizer, {@code modelopt/torch/export/quant_utils.py}.
 */
public final class ModelOptSchemes {
  private static final List<String> ALGORITHMS =
      List.of(
          "FP8",
          "FP8_PER_CHANNEL_PER_TOKEN",
          "fp8_pb_wo",
          "NVFP4",
          "NVFP4_AWQ",
          "NVFP4_SVD",
          "W4A16_NVFP4",
          "W4A8_NVFP4_FP8",
          "mxfp4",
          "W4A8_MXFP4_FP8",
          "MXFP8",
          "W4A16_AWQ",
          "W4A8_AWQ",
          "W8A8_SQ_PER_CHANNEL",
          "W8A16",
          "MIXED_PRECISION");

  private static final int NVFP4_GROUP = 16;
  private static final int MX_GROUP = 32;
  private static final int INT4_GROUP = 128;
  private static final int BLOCK = 128;

  private static final long LARGEST_RANK = 512;
  private static final String LORA_DOWN = "weight_quantizer._svdquant_lora_a";
  private static final String LORA_UP = "weight_quantizer._svdquant_lora_b";

  private static final double E4M3_LIMIT = 448;
  private static final double NVFP4_INPUT_LIMIT = 6 * 448;

  private ModelOptSchemes() {}

  /** The algorithms that are known, as ModelOpt spells them. */
  public static List<String> algorithms() {
    return ALGORITHMS;
  }

  /**
   * The scheme of {@code algorithm}, in any case; empty if it is unknown or leaves the choice to
   * each layer.
   *
   * @param groupSize weights under one scale, 0 for the algorithm's own
   */
  public static Optional<Scheme> of(String algorithm, int groupSize) {
    String label = "ModelOpt " + algorithm;
    return switch (algorithm.toUpperCase(Locale.ROOT)) {
      case "FP8" -> Optional.of(fp8(label));
      case "FP8_PER_CHANNEL_PER_TOKEN" -> Optional.of(fp8Rows(label));
      case "FP8_PB_WO" -> Optional.of(fp8Blocks(label));
      case "NVFP4" -> Optional.of(nvfp4(label, group(groupSize, NVFP4_GROUP), nvfp4Input(), false));
      case "NVFP4_AWQ" ->
          Optional.of(nvfp4(label, group(groupSize, NVFP4_GROUP), nvfp4Input(), true));
      case "NVFP4_SVD" ->
          Optional.of(branched(nvfp4(label, group(groupSize, NVFP4_GROUP), nvfp4Input(), true)));
      case "W4A16_NVFP4" ->
          Optional.of(nvfp4(label, group(groupSize, NVFP4_GROUP), nvfp4Input().optional(), false));
      case "W4A8_NVFP4_FP8" ->
          Optional.of(nvfp4(label, group(groupSize, MX_GROUP), nvfp4Input(), false));
      case "MXFP4" -> Optional.of(mxfp4(label, List.of()));
      case "W4A8_MXFP4_FP8" ->
          Optional.of(mxfp4(label, List.of(Part.scalar("input_scale", Merge.LARGEST))));
      case "MXFP8" -> Optional.of(mxfp8(label));
      case "W4A16_AWQ" -> Optional.of(int4(label, group(groupSize, INT4_GROUP), List.of()));
      case "W4A8_AWQ" ->
          Optional.of(
              int4(
                  label,
                  group(groupSize, INT4_GROUP),
                  List.of(
                      Part.scalar("input_scale", Merge.EQUAL),
                      Part.scalar("weight_scale_2", Merge.EQUAL))));
      case "W8A8_SQ_PER_CHANNEL" ->
          Optional.of(
              int8(
                  label,
                  Set.of(DType.F32),
                  List.of(Part.scalar("input_scale", Merge.EQUAL), preQuantScale())));
      case "W8A16" -> Optional.of(int8(label, Part.REAL, List.of()));
      default -> Optional.empty();
    };
  }

  private static int group(int stated, int usual) {
    return stated > 0 ? stated : usual;
  }

  /** w = q · weight_scale, one scale for the weight and one for the input. */
  private static Scheme fp8(String label) {
    return e4m3(
        label,
        Tile.TENSOR,
        Grid.E4M3,
        1,
        List.of(
            Part.scalar("weight_scale", Merge.LARGEST), Part.scalar("input_scale", Merge.LARGEST)));
  }

  /** w = q · weight_scale[n]; inputs are scaled at run time. */
  private static Scheme fp8Rows(String label) {
    Dims rows = (n, k) -> List.of(Shape.of(n));
    return e4m3(
        label,
        Tile.ROW,
        Grid.E4M3,
        1,
        List.of(Part.scales("weight_scale", Set.of(DType.F32), rows)));
  }

  /** w = q · the scale of its block of 128 by 128; scales are stored with two axes of size 1. */
  private static Scheme fp8Blocks(String label) {
    Dims blocks = (n, k) -> List.of(Shape.of(Math.ceilDiv(n, BLOCK), 1, Math.ceilDiv(k, BLOCK), 1));
    return e4m3(
        label,
        new Tile(BLOCK, BLOCK),
        Grid.E4M3,
        1,
        List.of(Part.scales("weight_scale", Set.of(DType.F32), blocks)));
  }

  /** w = q · 2^(weight_scale − 127), one exponent for 32 weights of a row. */
  static Scheme mxfp8(String label) {
    return e4m3(
        label,
        Tile.group(MX_GROUP),
        Grid.E4M3_POWER_OF_TWO,
        MX_GROUP,
        List.of(Part.scales("weight_scale", Set.of(DType.U8), groups(MX_GROUP))));
  }

  /** E4M3 codes in {@code weight}, multiplied by {@code weight_scale}. */
  static Scheme e4m3(String label, Tile tile, Grid grid, int columnMultiple, List<Part> scales) {
    List<Part> parts = new ArrayList<>();
    parts.add(Part.codes("weight", Set.of(DType.F8_E4M3), Part.MATRIX));
    parts.addAll(scales);
    boolean hasInput = parts.stream().anyMatch(part -> part.suffix().equals("input_scale"));
    String scale = scales.getFirst().suffix();
    return new Scheme(
        label,
        parts,
        tile,
        grid,
        1,
        columnMultiple,
        hasInput ? E4M3_LIMIT : 0,
        Carrier.PLAIN,
        (tensors, n, k) ->
            Decoders.e4m3(
                tensors.get("weight"), new ScaleRows(tensors.get(scale), tile, n, k, 1), k),
        Inspection.NONE);
  }

  /** w = q · weight_scale of its group · weight_scale_2. */
  private static Scheme nvfp4(String label, int group, Part input, boolean smoothed) {
    List<Part> parts = new ArrayList<>();
    parts.add(Part.codes("weight", Set.of(DType.U8), Part.HALF_COLUMNS));
    parts.add(Part.scales("weight_scale", Set.of(DType.F8_E4M3), groups(group)));
    parts.add(Part.scalar("weight_scale_2", Merge.EQUAL));
    parts.add(input);
    if (smoothed) {
      parts.add(preQuantScale());
    }
    Tile tile = Tile.group(group);
    return new Scheme(
        label,
        parts,
        tile,
        Grid.E2M1,
        1,
        Math.max(group, 2),
        // Its inputs are FP8 where groups are 32 wide.
        group == NVFP4_GROUP ? NVFP4_INPUT_LIMIT : E4M3_LIMIT,
        new Carrier("weight", 1, 2, false),
        (tensors, n, k) -> {
          float second = Decode.scale(tensors.get("weight_scale_2"), 0);
          return Decoders.e2m1(
              tensors.get("weight"),
              new ScaleRows(tensors.get("weight_scale"), tile, n, k, second),
              k);
        },
        Inspection.NONE);
  }

  /** w = what {@code base} gives + lora_b · lora_a, a product of low rank in high precision. */
  private static Scheme branched(Scheme base) {
    List<Part> parts = new ArrayList<>();
    // No server joins such layers, so that each may have its own scale.
    for (Part part : base.parts()) {
      boolean own = part.suffix().equals("weight_scale_2");
      parts.add(own ? Part.scalar("weight_scale_2", Merge.STACKED) : part);
    }
    Dims down = (n, k) -> ranks(n, k).mapToObj(rank -> Shape.of(rank, k)).toList();
    Dims up = (n, k) -> ranks(n, k).mapToObj(rank -> Shape.of(n, rank)).toList();
    parts.add(Part.other(LORA_DOWN, Part.REAL, down, Merge.STACKED));
    parts.add(Part.other(LORA_UP, Part.REAL, up, Merge.STACKED));
    return new Scheme(
        base.label(),
        parts,
        base.tile(),
        base.grid(),
        base.rowMultiple(),
        base.columnMultiple(),
        base.inputLimit(),
        base.carrier(),
        (tensors, n, k) -> {
          RowDecoder codes = base.decoding().open(tensors, n, k);
          return withProduct(codes, tensors.get(LORA_UP), tensors.get(LORA_DOWN), k);
        },
        ModelOptSchemes::inspectRanks);
  }

  private static LongStream ranks(long n, long k) {
    return LongStream.rangeClosed(1, Math.min(LARGEST_RANK, Math.min(n, k)));
  }

  private static RowDecoder withProduct(RowDecoder codes, Tensor up, Tensor down, long k) {
    int columns = Math.toIntExact(k);
    float[] factors = down.toFloats();
    int rank = factors.length / columns;
    return (from, rows, values, steps) -> {
      codes.decode(from, rows, values, steps);
      for (int r = 0; r < rows; r++) {
        for (int i = 0; i < rank; i++) {
          float by = up.getFloat((from + r) * rank + i);
          for (int c = 0; c < columns; c++) {
            values[r * columns + c] += by * factors[i * columns + c];
          }
        }
      }
    };
  }

  private static void inspectRanks(Tensors tensors, long n, long k, Inspection.Problems problems) {
    long up = tensors.get(LORA_UP).shape().dim(1);
    long down = tensors.get(LORA_DOWN).shape().dim(0);
    if (up != down) {
      problems.add(LORA_UP, "rank " + down + ", as lora_a", "rank " + up);
    }
  }

  private static Part nvfp4Input() {
    return Part.scalar("input_scale", Merge.EQUAL);
  }

  private static Scheme mxfp4(String label, List<Part> more) {
    return mxfp4(label, "weight", more);
  }

  /** w = q · 2^(weight_scale − 127), one exponent for 32 weights of a row. */
  static Scheme mxfp4(String label, String carrier, List<Part> more) {
    List<Part> parts = new ArrayList<>();
    parts.add(Part.codes(carrier, Set.of(DType.U8), Part.HALF_COLUMNS));
    parts.add(Part.scales("weight_scale", Set.of(DType.U8), groups(MX_GROUP)));
    parts.addAll(more);
    Tile tile = Tile.group(MX_GROUP);
    return new Scheme(
        label,
        parts,
        tile,
        Grid.E2M1_POWER_OF_TWO,
        1,
        MX_GROUP,
        more.isEmpty() ? 0 : E4M3_LIMIT,
        new Carrier(carrier, 1, 2, false),
        (tensors, n, k) ->
            Decoders.e2m1(
                tensors.get(carrier), new ScaleRows(tensors.get("weight_scale"), tile, n, k, 1), k),
        Inspection.NONE);
  }

  /**
   * w = q · weight_scale of its group, q from −8 to 7, divided by pre_quant_scale of its column.
   */
  private static Scheme int4(String label, int group, List<Part> more) {
    List<Part> parts = new ArrayList<>();
    Dims pairs = (n, k) -> List.of(Shape.of(n / 2, k));
    parts.add(Part.codes("weight", Set.of(DType.U8, DType.I8), pairs));
    parts.add(Part.scales("weight_scale", Part.REAL, groups(group)));
    parts.addAll(more);
    parts.add(preQuantScale());
    Tile tile = Tile.group(group);
    return new Scheme(
        label,
        parts,
        tile,
        Grid.integers(7),
        2,
        group,
        more.isEmpty() ? 0 : E4M3_LIMIT,
        new Carrier("weight", 2, 1, false),
        (tensors, n, k) ->
            Decoders.rowPairs(
                tensors.get("weight"),
                new ScaleRows(tensors.get("weight_scale"), tile, n, k, 1),
                k),
        Inspection.NONE);
  }

  /** w = q · weight_scale[n], q from −127 to 127. */
  private static Scheme int8(String label, Set<DType> scaleTypes, List<Part> more) {
    List<Part> parts = new ArrayList<>();
    Dims rows = (n, k) -> List.of(Shape.of(n));
    parts.add(Part.codes("weight", Set.of(DType.I8), Part.MATRIX));
    parts.add(Part.scales("weight_scale", scaleTypes, rows));
    parts.addAll(more);
    Decoding decoding =
        (tensors, n, k) ->
            Decoders.int8(
                tensors.get("weight"),
                new ScaleRows(tensors.get("weight_scale"), Tile.ROW, n, k, 1),
                k);
    return new Scheme(
        label,
        parts,
        Tile.ROW,
        Grid.integers(127),
        1,
        1,
        more.isEmpty() ? 0 : 127,
        Carrier.PLAIN,
        decoding,
        Inspection.NONE);
  }

  /** Factors of the input's channels, applied before the layer; members of a group share it. */
  private static Part preQuantScale() {
    Dims columns = (n, k) -> List.of(Shape.of(k));
    return new Part("pre_quant_scale", false, Part.REAL, columns, Content.SCALE, Merge.EQUAL);
  }

  private static Dims groups(int group) {
    return (n, k) -> List.of(Shape.of(n, k / group));
  }
}
