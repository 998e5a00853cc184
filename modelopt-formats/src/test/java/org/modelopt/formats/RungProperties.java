package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import org.modelopt.compute.Workers;
import org.modelopt.formats.internal.Rungs;
import org.modelopt.formats.internal.ScalarKernels;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * The fast loops on two threads give the bits of the plain ones on one thread. The build runs this
 * once for each vector width.
 */
class RungProperties {
  private static final Workers ONE = new Workers(1);
  private static final Workers TWO = new Workers(2);

  @AfterContainer
  static void close() {
    ONE.close();
    TWO.close();
  }

  @Provide
  Arbitrary<QuantSpec> specs() {
    return Arbitraries.of(Specs.ALL);
  }

  @Provide
  Arbitrary<DType> types() {
    return Arbitraries.of(DType.BF16, DType.F16, DType.F32);
  }

  @Provide
  Arbitrary<Shape> shapes() {
    Arbitrary<Integer> columns =
        Arbitraries.oneOf(
            Arbitraries.of(
                1, 8, 15, 16, 17, 31, 32, 33, 128, 511, 512, 1024, 2048, 2049, 4096, 4100, 9000,
                20_000, 20_008),
            Arbitraries.integers().between(1, 2600));
    return columns.flatMap(
        c -> Arbitraries.integers().between(1, Math.max(1, 4000 / c)).map(r -> Shape.of(r, c)));
  }

  @Property(tries = 600)
  void allRungsGiveTheSameBits(
      @ForAll("specs") QuantSpec spec,
      @ForAll("types") DType dtype,
      @ForAll("shapes") Shape shape,
      @ForAll Arithmetic arithmetic,
      @ForAll long seed,
      @ForAll @IntRange(max = 3) int margin) {
    try (Arena arena = Arena.ofShared()) {
      Tensor x = Data.mixture(arena, dtype, shape, seed);
      Conversion conversion = Conversion.DEFAULT.withArithmetic(arithmetic);
      Quantizer plain = new HostQuantizer(spec, conversion, ONE, new ScalarKernels());
      Quantizer fast = new HostQuantizer(spec, conversion, TWO, Rungs.best());
      Matrix view = margin == 0 ? Matrix.of(x) : Data.embedded(arena, x, margin);

      Scales scales = plain.scales(x, arena);
      QuantizedTensor expected = plain.quantize(x, scales, arena);

      Tensor amax = plain.amax(x, arena);
      Tensor fastAmax = Tensor.allocate(arena, DType.F32, amax.shape());
      fast.amax(view, fastAmax);
      assertArrayEquals(Data.bytes(amax), Data.bytes(fastAmax), "amax");

      QuantizedTensor onePass = QuantizedTensor.allocate(spec, shape, scales.globalScale(), arena);
      fast.quantize(view, onePass);
      assertSame(expected, onePass);

      QuantizedTensor underGiven = QuantizedTensor.allocate(spec, shape, 1f, arena);
      fast.quantize(view, scales, underGiven.codes());
      assertArrayEquals(
          Data.bytes(expected.codes()), Data.bytes(underGiven.codes()), "given scales");
      assertSame(scales, fast.scales(x, arena));

      for (DType type : new DType[] {DType.BF16, DType.F16, DType.F32}) {
        Tensor values = Tensor.allocate(arena, type, shape);
        Tensor fastValues = Tensor.allocate(arena, type, shape);
        plain.dequantize(expected, values);
        fast.dequantize(expected, fastValues);
        assertArrayEquals(Data.bytes(values), Data.bytes(fastValues), "values in " + type);
      }

      Tensor rounded = Tensor.allocate(arena, dtype, shape);
      plain.dequantize(expected, rounded);
      Tensor simulated = fast.fakeQuantize(x, scales, new HostScope(arena));
      assertArrayEquals(Data.bytes(rounded), Data.bytes(simulated), "fake quantization");

      Matrix whole = Matrix.of(x);
      assertEquals(
          plain.roundTrip(whole, scales, 0.99f), fast.roundTrip(whole, scales, 0.99f), "errors");
    }
  }

  private static void assertSame(QuantizedTensor expected, QuantizedTensor found) {
    assertSame(expected.scales(), found.scales());
    assertArrayEquals(Data.bytes(expected.codes()), Data.bytes(found.codes()), "codes");
  }

  private static void assertSame(Scales expected, Scales found) {
    assertEquals(expected.globalScale(), found.globalScale(), "global scale");
    assertArrayEquals(Data.bytes(expected.values()), Data.bytes(found.values()), "scales");
    assertEquals(
        expected.zeroPoints().map(Data::bytes).map(java.util.Arrays::toString),
        found.zeroPoints().map(Data::bytes).map(java.util.Arrays::toString),
        "zero points");
  }
}
