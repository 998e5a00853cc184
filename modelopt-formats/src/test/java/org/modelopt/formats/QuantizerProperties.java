package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Laws of whole conversions, for the formats that have a name. */
class QuantizerProperties {
  @Provide
  Arbitrary<QuantSpec> specs() {
    return Arbitraries.of(Specs.NAMED);
  }

  @Provide
  Arbitrary<Shape> shapes() {
    return Arbitraries.integers()
        .between(1, 300)
        .flatMap(c -> Arbitraries.integers().between(1, 6).map(r -> Shape.of(r, c)));
  }

  @Property(tries = 150)
  void finiteNumbersStayFinite(
      @ForAll("specs") QuantSpec spec, @ForAll("shapes") Shape shape, @ForAll long seed) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Data.mixture(arena, DType.F32, shape, seed);
      for (float value : Converted.roundTrip(Converted.quantizer(spec), x, arena)) {
        assertTrue(Float.isFinite(value));
      }
    }
  }

  @Property(tries = 150)
  void errorsAreThoseOfTheValuesOfCodes(
      @ForAll("specs") QuantSpec spec, @ForAll("shapes") Shape shape, @ForAll long seed) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Data.normal(arena, shape, seed, 0);
      Quantizer quantizer = Converted.quantizer(spec);
      Scales scales = quantizer.scales(x, arena);
      float[] values = Converted.values(quantizer, quantizer.quantize(x, scales, arena), arena);
      Quantizer.RoundTrip found = quantizer.roundTrip(Matrix.of(x), scales, 0.5f);
      double error = 0;
      double square = 0;
      for (int i = 0; i < values.length; i++) {
        double element = x.getFloat(i);
        error += (element - values[i]) * (element - values[i]);
        square += element * element;
      }
      assertEquals(error, found.error(), 1e-12 * square);
      assertEquals(square, found.square(), 1e-12 * square);
    }
  }

  /** Of ascending integers under one scale per row, those beyond half the largest. */
  @Example
  void largeElementsAreCounted() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, DType.F32, Shape.of(2, 101));
      for (int i = 0; i < 202; i++) {
        x.segment().setAtIndex(Tensor.FLOAT, i, i < 101 ? i : -3f * (i - 101));
      }
      Quantizer quantizer = Converted.quantizer(QuantSpec.INT8_PER_CHANNEL);
      Scales scales = quantizer.scales(x, arena);
      assertEquals(100, quantizer.roundTrip(Matrix.of(x), scales, 0.501f).beyond());
      Quantizer whole = Converted.quantizer(QuantSpec.INT8);
      Scales one = whole.scales(x, arena);
      assertEquals(0, whole.roundTrip(Matrix.of(x), one, 0.501f).beyond());
    }
  }

  @Property(tries = 60)
  void zerosStayZeros(@ForAll("specs") QuantSpec spec, @ForAll("shapes") Shape shape) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Tensor.allocate(arena, DType.BF16, shape);
      for (float value : Converted.roundTrip(Converted.quantizer(spec), x, arena)) {
        assertEquals(0f, Math.abs(value));
      }
    }
  }

  /** Numbers in the middle of the exponent range, scaled by a power of two. */
  @Property(tries = 150)
  void powersOfTwoCommute(
      @ForAll("specs") QuantSpec spec,
      @ForAll("shapes") Shape shape,
      @ForAll long seed,
      @ForAll @IntRange(min = -20, max = 20) int exponent) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Data.normal(arena, shape, seed, 0);
      Tensor scaled = Data.normal(arena, shape, seed, exponent);
      Quantizer quantizer = Converted.quantizer(spec);
      float[] expected = Converted.roundTrip(quantizer, x, arena);
      for (int i = 0; i < expected.length; i++) {
        expected[i] = Math.scalb(expected[i], exponent);
      }
      assertArrayEquals(expected, Converted.roundTrip(quantizer, scaled, arena));
    }
  }

  @Property(tries = 150)
  void roundingAgainUnderTheSameScalesChangesNothing(
      @ForAll("specs") QuantSpec spec, @ForAll("shapes") Shape shape, @ForAll long seed) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Data.normal(arena, shape, seed, 0);
      Quantizer quantizer = Converted.quantizer(spec);
      Scales scales = quantizer.scales(x, arena);
      float[] once = Converted.values(quantizer, quantizer.quantize(x, scales, arena), arena);
      Tensor again = Data.tensor(arena, DType.F32, shape, once);
      QuantizedTensor twice = quantizer.quantize(again, scales, arena);
      assertArrayEquals(once, Converted.values(quantizer, twice, arena));
    }
  }

  /** Element order within a block does not matter for its scale: reversed in, reversed out. */
  @Property(tries = 100)
  void reversedBlocksGiveReversedValues(@ForAll("specs") QuantSpec spec, @ForAll long seed) {
    try (Arena arena = Arena.ofConfined()) {
      Shape shape = Shape.of(2, 128);
      Tensor x = Data.normal(arena, shape, seed, 0);
      Tensor reversed = Data.tensor(arena, DType.F32, shape, reversedRows(x.toFloats(), 128));
      Quantizer quantizer = Converted.quantizer(spec);
      float[] expected = reversedRows(Converted.roundTrip(quantizer, x, arena), 128);
      assertArrayEquals(expected, Converted.roundTrip(quantizer, reversed, arena));
    }
  }

  private static float[] reversedRows(float[] values, int columns) {
    float[] reversed = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      reversed[i] = values[i / columns * columns + columns - 1 - i % columns];
    }
    return reversed;
  }

  /** A row that is converted on its own, under the tensor's global scale, has the same codes. */
  @Property(tries = 100)
  void rowsCanBeConvertedPieceByPiece(
      @ForAll("shapes") Shape shape, @ForAll long seed, @ForAll @IntRange(max = 3) int which) {
    QuantSpec spec =
        Arrays.asList(QuantSpec.NVFP4, QuantSpec.MXFP8, QuantSpec.INT8_PER_CHANNEL, QuantSpec.NF4)
            .get(which);
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Data.normal(arena, shape, seed, 0);
      Quantizer quantizer = Converted.quantizer(spec);
      QuantizedTensor whole = Converted.quantized(quantizer, x, arena);
      float global = whole.scales().globalScale();
      QuantizedTensor pieces = QuantizedTensor.allocate(spec, shape, global, arena);
      for (long row = 0; row < shape.rows(); row++) {
        quantizer.quantize(Matrix.of(x).rows(row, row + 1), pieces.rows(row, row + 1));
      }
      assertArrayEquals(Data.bytes(whole.codes()), Data.bytes(pieces.codes()));
      assertArrayEquals(Data.bytes(whole.scales().values()), Data.bytes(pieces.scales().values()));
    }
  }
}
