package org.modelopt.models.stored;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.modelopt.error.CheckpointException;
import org.modelopt.model.Linear;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Weights whose codes are 4-bit integers packed otherwise than the library packs them: repacked
 * when they are read, to signed codes or to codes from 0 to 15 with zero points.
 *
 * <p>Source: {@code awq/utils/packing_utils.py}, {@code auto_gptq/nn_modules/qlinear}, {@code
 * compressors/pack_quantized.py}, {@code modelopt/torch/export}.
 */
final class IntegerForms {
  private static final int PER_WORD = 8;

  /** Bit position of column j of eight within an AWQ word: its place times four. */
  private static final int[] AWQ_PLACES = {0, 4, 1, 5, 2, 6, 3, 7};

  private IntegerForms() {}

  /** Code of an element before scales, as stored. */
  @FunctionalInterface
  private interface Codes {
    int at(long row, long column);
  }

  /** The weight of {@code linear}, if it is stored in one of these forms. */
  static Optional<StoredWeight> find(Linear linear, Fields fields) {
    long rows = linear.outFeatures();
    long columns = linear.inFeatures();
    if (fields.has("weight", DType.U8, Shape.of(rows / 2, columns))
        && fields.hasFloats("weight_scale")) {
      return Optional.of(rowPairs(linear, fields));
    }
    if (fields.has("weight_packed", DType.I32, Shape.of(rows, columns / PER_WORD))
        && fields.hasFloats("weight_scale")) {
      return Optional.of(packedRows(linear, fields));
    }
    if (fields.has("qweight", DType.I32, Shape.of(columns, rows / PER_WORD))) {
      return Optional.of(awq(linear, fields));
    }
    if (fields.has("qweight", DType.I32, Shape.of(columns / PER_WORD, rows))) {
      return Optional.of(gptq(linear, fields));
    }
    return Optional.empty();
  }

  /** ModelOpt: two's complement, rows 2i and 2i + 1 in the low and high halves of one byte. */
  private static StoredWeight rowPairs(Linear linear, Fields fields) {
    int group = group(linear, fields, "weight_scale");
    QuantSpec spec = QuantSpec.int4Block(group);
    return of(
        spec,
        fields,
        arena -> {
          Tensor packed = fields.open("weight", arena);
          MemorySegment bytes = packed.segment();
          long columns = linear.inFeatures();
          Codes codes =
              (row, column) ->
                  bytes.get(ValueLayout.JAVA_BYTE, row / 2 * columns + column) >>> (row % 2 * 4);
          Shape scales = Shape.of(linear.outFeatures(), columns / group);
          return repacked(
              spec, linear, codes, Scales.of(fields.floats("weight_scale", scales, arena)), arena);
        },
        "weight",
        "weight_scale");
  }

  /** compressed-tensors: eight codes plus 8 in a word, along a row, the first lowest. */
  private static StoredWeight packedRows(Linear linear, Fields fields) {
    if (fields.find("weight_zero_point").isPresent() || fields.find("weight_g_idx").isPresent()) {
      throw new CheckpointException(
          linear.name()
              + " has zero points or an order of columns, which this reader does not know; start"
              + " from the unquantized checkpoint");
    }
    int group = group(linear, fields, "weight_scale");
    QuantSpec spec = QuantSpec.int4Block(group);
    return of(
        spec,
        fields,
        arena -> {
          MemorySegment words = fields.open("weight_packed", arena).segment();
          long columns = linear.inFeatures();
          Codes codes =
              (row, column) -> {
                long word = row * (columns / PER_WORD) + column / PER_WORD;
                return (words.get(Tensor.INT, word * 4) >>> (column % PER_WORD * 4)) - 8;
              };
          Shape scales = Shape.of(linear.outFeatures(), columns / group);
          return repacked(
              spec, linear, codes, Scales.of(fields.floats("weight_scale", scales, arena)), arena);
        },
        "weight_packed",
        "weight_scale",
        "weight_shape");
  }

  /** AWQ: input first, eight outputs in a word in an order of their own. */
  private static StoredWeight awq(Linear linear, Fields fields) {
    long rows = linear.outFeatures();
    int group = Math.toIntExact(linear.inFeatures() / scaleRows(fields));
    QuantSpec spec = QuantSpec.UINT4_BLOCK_128.withGranularity(Granularity.block(group));
    return of(
        spec,
        fields,
        arena -> {
          MemorySegment words = fields.open("qweight", arena).segment();
          MemorySegment zeros = fields.open("qzeros", arena).segment();
          Codes codes = (row, column) -> awqNibble(words, column, rows, row);
          Codes points = (row, block) -> awqNibble(zeros, block, rows, row);
          return repacked(
              spec, linear, codes, transposed(linear, fields, group, points, arena), arena);
        },
        "qweight",
        "qzeros",
        "scales");
  }

  private static int awqNibble(MemorySegment words, long line, long rows, long row) {
    long word = line * (rows / PER_WORD) + row / PER_WORD;
    return (words.get(Tensor.INT, word * 4) >>> (4 * AWQ_PLACES[(int) (row % PER_WORD)])) & 15;
  }

  /** GPTQ: eight inputs in a word; zero points are stored less one except in version 2. */
  private static StoredWeight gptq(Linear linear, Fields fields) {
    long rows = linear.outFeatures();
    int group = Math.toIntExact(linear.inFeatures() / scaleRows(fields));
    requirePlainOrder(linear, fields, group);
    QuantSpec spec = QuantSpec.UINT4_BLOCK_128.withGranularity(Granularity.block(group));
    return of(
        spec,
        fields,
        arena -> {
          MemorySegment words = fields.open("qweight", arena).segment();
          MemorySegment zeros = fields.open("qzeros", arena).segment();
          Codes codes =
              (row, column) ->
                  (words.get(Tensor.INT, (column / PER_WORD * rows + row) * 4)
                          >>> (column % PER_WORD * 4))
                      & 15;
          Codes points =
              (row, block) -> {
                long word = block * (rows / PER_WORD) + row / PER_WORD;
                return ((zeros.get(Tensor.INT, word * 4) >>> (row % PER_WORD * 4)) & 15) + 1;
              };
          return repacked(
              spec, linear, codes, transposed(linear, fields, group, points, arena), arena);
        },
        "qweight",
        "qzeros",
        "scales",
        "g_idx");
  }

  private static void requirePlainOrder(Linear linear, Fields fields, int group) {
    if (fields.find("g_idx").isEmpty()) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      int[] order = fields.open("g_idx", arena).toInts();
      for (int column = 0; column < order.length; column++) {
        if (order[column] != column / group) {
          throw new CheckpointException(
              linear.name()
                  + ".g_idx orders columns by activation, which this reader does not know; start"
                  + " from the unquantized checkpoint");
        }
      }
    }
  }

  private static long scaleRows(Fields fields) {
    return fields
        .find("scales")
        .orElseThrow(() -> new CheckpointException(fields.name("scales") + " is missing"))
        .shape()
        .dim(0);
  }

  private static int group(Linear linear, Fields fields, String scale) {
    long count = fields.find(scale).orElseThrow().shape().elements();
    long groups = count / linear.outFeatures();
    if (groups == 0 || linear.inFeatures() % groups != 0) {
      throw new CheckpointException(
          "%s has %d values, which do not divide rows of %d"
              .formatted(fields.name(scale), count, linear.inFeatures()));
    }
    return Math.toIntExact(linear.inFeatures() / groups);
  }

  /** Scales and zero points {@code [groups, out]} as {@code [out, groups]}. */
  private static Scales transposed(
      Linear linear, Fields fields, int group, Codes points, Arena arena) {
    int rows = Math.toIntExact(linear.outFeatures());
    int groups = Math.toIntExact(linear.inFeatures() / group);
    float[] values = new float[rows * groups];
    int[] zeroPoints = new int[rows * groups];
    try (Arena temporary = Arena.ofShared()) {
      Tensor stored = fields.open("scales", temporary);
      for (int row = 0; row < rows; row++) {
        for (int block = 0; block < groups; block++) {
          values[row * groups + block] = stored.getFloat((long) block * rows + row);
          zeroPoints[row * groups + block] = points.at(row, block);
        }
      }
    }
    Shape shape = Shape.of(rows, groups);
    return new Scales(
        Tensor.ofFloats(arena, shape, values),
        1,
        Optional.of(Tensor.ofInts(arena, shape, zeroPoints)));
  }

  private static QuantizedTensor repacked(
      QuantSpec spec, Linear linear, Codes codes, Scales scales, Arena arena) {
    long rows = linear.outFeatures();
    long columns = linear.inFeatures();
    Shape shape = Shape.of(rows, columns);
    Tensor packed = Tensor.allocate(arena, DType.U8, spec.codesShape(shape));
    MemorySegment bytes = packed.segment();
    for (long row = 0; row < rows; row++) {
      for (long column = 0; column < columns; column += 2) {
        int low = codes.at(row, column) & 15;
        int high = column + 1 < columns ? codes.at(row, column + 1) & 15 : 0;
        bytes.set(
            ValueLayout.JAVA_BYTE,
            row * Math.ceilDiv(columns, 2L) + column / 2,
            (byte) (low | (high << 4)));
      }
    }
    return new QuantizedTensor(spec, shape, packed, scales);
  }

  private static StoredWeight of(
      QuantSpec spec, Fields fields, StoredWeight.Reader reader, String... names) {
    Set<String> present =
        Stream.of(names)
            .filter(field -> fields.find(field).isPresent())
            .map(fields::name)
            .collect(Collectors.toSet());
    return new StoredWeight(spec, present, reader);
  }
}
