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
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.ScaleFormat;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Weights whose codes are integers of 4 or 8 bits packed otherwise than the library packs them:
 * repacked when they are read, to signed codes or to unsigned ones with zero points.
 *
 * <p>Source: {@code awq/utils/packing_utils.py}, llm-awq's {@code awq/quantize/qmodule.py}, {@code
 * auto_gptq/nn_modules/qlinear}, {@code compressors/pack_quantized.py}, {@code
 * modelopt/torch/export}.
 */
final class IntegerForms {
  private static final int WORD_BITS = 32;

  /** Bit position of column j of eight within an AWQ word: its place times four. */
  private static final int[] AWQ_PLACES = {0, 4, 1, 5, 2, 6, 3, 7};

  private final Fields fields;
  private final long rows;
  private final long columns;

  private IntegerForms(Linear linear, Fields fields) {
    this.fields = fields;
    this.rows = linear.outFeatures();
    this.columns = linear.inFeatures();
  }

  /** Code or zero point of an element, as stored. */
  @FunctionalInterface
  private interface Codes {
    int at(long row, long column);
  }

  /**
   * The weight of {@code linear}, if it is stored in one of these forms.
   *
   * @param version2 whether zero points of GPTQ are stored as they are, not less one
   */
  static Optional<StoredWeight> find(Linear linear, Fields fields, boolean version2) {
    return new IntegerForms(linear, fields).find(version2);
  }

  private Optional<StoredWeight> find(boolean version2) {
    if (fields.has("weight", DType.U8, Shape.of(rows / 2, columns))
        && fields.hasFloats("weight_scale")) {
      return Optional.of(rowPairs());
    }
    for (int bits : new int[] {4, 8}) {
      int perWord = WORD_BITS / bits;
      if (fields.has("weight_packed", DType.I32, Shape.of(rows, Math.ceilDiv(columns, perWord)))
          && fields.hasFloats("weight_scale")) {
        return Optional.of(packedRows(bits));
      }
      if (fields.has("qweight", DType.I32, Shape.of(columns / perWord, rows))) {
        return Optional.of(gptq(bits, version2));
      }
    }
    if (fields.has("qweight", DType.I32, Shape.of(columns, rows / 8))) {
      return Optional.of(awq());
    }
    return fields.has("qweight", DType.I16, Shape.of(rows / 4, columns))
        ? Optional.of(llmAwq())
        : Optional.empty();
  }

  /** ModelOpt: two's complement, rows 2i and 2i + 1 in the low and high halves of one byte. */
  private StoredWeight rowPairs() {
    QuantSpec spec = signed(4, group("weight_scale"));
    return of(
        spec,
        arena -> {
          MemorySegment bytes = fields.open("weight", arena).segment();
          Codes codes =
              (row, column) ->
                  bytes.get(ValueLayout.JAVA_BYTE, row / 2 * columns + column) >>> (row % 2 * 4);
          return repacked(spec, codes, rowScales(arena), arena);
        },
        "weight",
        "weight_scale");
  }

  /** compressed-tensors: codes plus half the range in words along a row, the first lowest. */
  private StoredWeight packedRows(int bits) {
    int group = group("weight_scale");
    requirePlainOrder("weight_g_idx", group);
    int perWord = WORD_BITS / bits;
    long words = Math.ceilDiv(columns, perWord);
    boolean points = fields.find("weight_zero_point").isPresent();
    QuantSpec spec = points ? unsigned(bits, group) : signed(bits, group);
    int offset = points ? 0 : 1 << (bits - 1);
    return of(
        spec,
        arena -> {
          MemorySegment packed = fields.open("weight_packed", arena).segment();
          Codes codes =
              (row, column) ->
                  field(packed, row * words + column / perWord, (int) (column % perWord), bits)
                      - offset;
          return repacked(spec, codes, points ? withPoints(bits, arena) : rowScales(arena), arena);
        },
        "weight_packed",
        "weight_scale",
        "weight_shape",
        "weight_zero_point",
        "weight_g_idx");
  }

  /** Scales {@code [rows, groups]} and zero points in words along the rows of each group. */
  private Scales withPoints(int bits, Arena arena) {
    int perWord = WORD_BITS / bits;
    long groups = columns / group("weight_scale");
    MemorySegment zeros = fields.open("weight_zero_point", arena).segment();
    Codes points =
        (row, block) -> field(zeros, row / perWord * groups + block, (int) (row % perWord), bits);
    return new Scales(
        rowScales(arena).values(), 1, Optional.of(zeroPoints((int) groups, points, arena)));
  }

  /** AWQ: input first, eight outputs in a word in an order of their own. */
  private StoredWeight awq() {
    QuantSpec spec = unsigned(4, transposedGroup());
    return of(
        spec,
        arena -> {
          MemorySegment words = fields.open("qweight", arena).segment();
          MemorySegment zeros = fields.open("qzeros", arena).segment();
          Codes codes = (row, column) -> awqNibble(words, column, row);
          Codes points = (row, block) -> awqNibble(zeros, block, row);
          return repacked(spec, codes, transposed(spec, points, arena), arena);
        },
        "qweight",
        "qzeros",
        "scales");
  }

  private int awqNibble(MemorySegment words, long line, long row) {
    return field(words, line * (rows / 8) + row / 8, AWQ_PLACES[(int) (row % 8)], 4);
  }

  /** llm-awq: four rows interleaved in tiles of 64 columns, four codes in a 16-bit word. */
  private StoredWeight llmAwq() {
    QuantSpec spec = unsigned(4, Math.toIntExact(columns / usedGroups()));
    return of(
        spec,
        arena -> {
          MemorySegment words = fields.open("qweight", arena).segment();
          Tensor scales = fields.open("scales", arena);
          Tensor zeros = fields.open("scaled_zeros", arena);
          Codes codes = (row, column) -> llmAwqNibble(words, row, column);
          Codes points =
              (row, block) -> {
                long at = block * rows + row;
                return Math.round(-zeros.getFloat(at) / scales.getFloat(at));
              };
          return repacked(spec, codes, transposed(spec, points, arena), arena);
        },
        "qweight",
        "scales",
        "scaled_zeros");
  }

  /** Rows of scales before those that are zero, which only fill up. */
  private long usedGroups() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor scales = fields.open("scales", arena);
      long used = scales.shape().dim(0);
      while (used > 1 && scales.getFloat((used - 1) * rows) == 0) {
        used--;
      }
      return used;
    }
  }

  private int llmAwqNibble(MemorySegment words, long row, long column) {
    // Columns 8x + 2y + z of 32 are at 8y + 4z + x.
    int run = (int) (column % 32);
    long tile = column / 64 * 64;
    int within = run % 8 / 2 * 8 + run % 2 * 4 + run / 8;
    long place = column - tile - run + within;
    long index = row % 4 * 64 + place;
    long word = row / 4 * columns + tile + index / 4;
    return words.get(Tensor.SHORT, word * 2) >>> (int) (index % 4 * 4) & 15;
  }

  /** GPTQ: inputs in words; zero points are stored less one except in version 2. */
  private StoredWeight gptq(int bits, boolean version2) {
    int group = transposedGroup();
    requirePlainOrder("g_idx", group);
    QuantSpec spec = unsigned(bits, group);
    int perWord = WORD_BITS / bits;
    return of(
        spec,
        arena -> {
          MemorySegment words = fields.open("qweight", arena).segment();
          MemorySegment zeros = fields.open("qzeros", arena).segment();
          Codes codes =
              (row, column) ->
                  field(words, column / perWord * rows + row, (int) (column % perWord), bits);
          Codes points =
              (row, block) ->
                  field(
                          zeros,
                          block * (rows / perWord) + row / perWord,
                          (int) (row % perWord),
                          bits)
                      + (version2 ? 0 : 1);
          return repacked(spec, codes, transposed(spec, points, arena), arena);
        },
        "qweight",
        "qzeros",
        "scales",
        "g_idx");
  }

  private static int field(MemorySegment words, long word, int place, int bits) {
    return words.get(Tensor.INT, word * 4) >>> (place * bits) & ((1 << bits) - 1);
  }

  private void requirePlainOrder(String field, int group) {
    if (fields.find(field).isEmpty()) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      int[] order = fields.open(field, arena).toInts();
      for (int column = 0; column < order.length; column++) {
        if (order[column] != column / group) {
          throw new CheckpointException(
              fields.name(field)
                  + " orders columns by activation, which this reader does not know; start from"
                  + " the unquantized checkpoint");
        }
      }
    }
  }

  private static QuantSpec signed(int bits, int group) {
    return QuantSpec.of(bits == 4 ? IntFormat.INT4 : IntFormat.INT8, Granularity.block(group));
  }

  private static QuantSpec unsigned(int bits, int group) {
    return new QuantSpec(
        bits == 4 ? IntFormat.UINT4 : IntFormat.UINT8,
        Granularity.block(group),
        ScaleFormat.F32,
        ScaleRule.RANGE_WITH_ZERO,
        false);
  }

  private long rowsOf(String field) {
    return fields
        .find(field)
        .orElseThrow(() -> new CheckpointException(fields.name(field) + " is missing"))
        .shape()
        .dim(0);
  }

  private int transposedGroup() {
    return Math.toIntExact(columns / rowsOf("scales"));
  }

  private int group(String scale) {
    long count = fields.find(scale).orElseThrow().shape().elements();
    long groups = count / rows;
    if (groups == 0 || columns % groups != 0) {
      throw new CheckpointException(
          "%s has %d values, which do not divide rows of %d"
              .formatted(fields.name(scale), count, columns));
    }
    return Math.toIntExact(columns / groups);
  }

  private Scales rowScales(Arena arena) {
    Shape shape = Shape.of(rows, columns / group("weight_scale"));
    return Scales.of(fields.floats("weight_scale", shape, arena));
  }

  /** Scales and zero points {@code [groups, out]}, perhaps padded, as {@code [out, groups]}. */
  private Scales transposed(QuantSpec spec, Codes points, Arena arena) {
    int count = Math.toIntExact(rows);
    int groups =
        Math.toIntExact(spec.granularity().scaleShape(Shape.of(rows, columns)).elements() / rows);
    float[] values = new float[count * groups];
    try (Arena temporary = Arena.ofShared()) {
      Tensor stored = fields.open("scales", temporary);
      for (int row = 0; row < count; row++) {
        for (int block = 0; block < groups; block++) {
          values[row * groups + block] = stored.getFloat((long) block * count + row);
        }
      }
    }
    return new Scales(
        Tensor.ofFloats(arena, Shape.of(rows, groups), values),
        1,
        Optional.of(zeroPoints(groups, points, arena)));
  }

  private Tensor zeroPoints(int groups, Codes points, Arena arena) {
    int[] values = new int[Math.toIntExact(rows * groups)];
    for (int i = 0; i < values.length; i++) {
      values[i] = points.at(i / groups, i % groups);
    }
    return Tensor.ofInts(arena, Shape.of(rows, groups), values);
  }

  private QuantizedTensor repacked(QuantSpec spec, Codes codes, Scales scales, Arena arena) {
    Shape shape = Shape.of(rows, columns);
    Tensor packed = Tensor.allocate(arena, spec.codesDType(), spec.codesShape(shape));
    MemorySegment bytes = packed.segment();
    boolean nibbles = spec.format().bits() == 4;
    long width = packed.shape().columns();
    for (long row = 0; row < rows; row++) {
      for (long at = 0; at < width; at++) {
        int code;
        if (nibbles) {
          int high = 2 * at + 1 < columns ? codes.at(row, 2 * at + 1) & 15 : 0;
          code = codes.at(row, 2 * at) & 15 | high << 4;
        } else {
          code = codes.at(row, at);
        }
        bytes.set(ValueLayout.JAVA_BYTE, row * width + at, (byte) code);
      }
    }
    return new QuantizedTensor(spec, shape, packed, scales);
  }

  private StoredWeight of(QuantSpec spec, StoredWeight.Reader reader, String... names) {
    Set<String> present =
        Stream.of(names)
            .filter(field -> fields.find(field).isPresent())
            .map(fields::name)
            .collect(Collectors.toSet());
    return new StoredWeight(spec, present, reader);
  }
}
