package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.modelopt.compute.Workers;
import org.modelopt.error.CheckpointException;
import org.modelopt.formats.internal.Rungs;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** NaN, infinities and stochastic rounding, chosen per call. */
class ConversionTest {
  static final List<QuantSpec> NAMED = Specs.NAMED;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  @ParameterizedTest
  @FieldSource("NAMED")
  void nanIsRefusedByItsPlaceUnlessAskedFor(QuantSpec spec) {
    float[] values = new float[300];
    Arrays.fill(values, .5f);
    values[7] = Float.NaN;
    values[3] = Float.NEGATIVE_INFINITY;
    Tensor x = Data.tensor(arena, DType.BF16, Shape.of(3, 100), values);
    Quantizer strict = Converted.quantizer(spec);
    var failure = assertThrows(CheckpointException.class, () -> strict.scales(x, arena));
    assertTrue(failure.getMessage().contains("element [0, 3]"), failure.getMessage());

    Quantizer lenient = strict.with(Conversion.DEFAULT.withNonFinite(NonFinite.SATURATE));
    Scales scales = lenient.scales(x, arena);
    float[] out = Converted.values(lenient, lenient.quantize(x, scales, arena), arena);
    values[7] = 0;
    values[3] = .5f;
    Tensor finite = Data.tensor(arena, DType.BF16, Shape.of(3, 100), values);
    float[] expected = Converted.roundTrip(strict, finite, arena);
    assertTrue(out[3] <= 0 && Float.isFinite(out[3]), "infinity becomes the largest of its sign");
    for (int i = 8; i < out.length; i++) {
      assertEquals(expected[i], out[i], Math.ulp(1f), "others do not notice");
    }
  }

  @Test
  void stochasticRoundingIsUnbiasedAndRepeatable() {
    float[] values = new float[4096];
    Arrays.fill(values, 2.3f);
    Tensor x = Data.row(arena, DType.F32, values);
    Scales one = Scales.of(Data.scalar(arena, 1));
    Quantizer quantizer = stochastic(QuantSpec.INT8, 42, 1);
    QuantizedTensor codes = quantizer.quantize(x, one, arena);
    double sum = 0;
    for (int code : Data.unsigned(codes.codes())) {
      assertTrue(code == 2 || code == 3);
      sum += code;
    }
    // Four standard deviations of a mean of 4096 draws.
    assertEquals(2.3, sum / values.length, 4 * Math.sqrt(.21 / 4096));
    assertArrayEquals(
        Data.bytes(codes.codes()), Data.bytes(quantizer.quantize(x, one, arena).codes()));
    byte[] other = Data.bytes(stochastic(QuantSpec.INT8, 43, 1).quantize(x, one, arena).codes());
    assertFalse(Arrays.equals(Data.bytes(codes.codes()), other), "another seed, another draw");
  }

  @ParameterizedTest
  @FieldSource("NAMED")
  void stochasticCodesDoNotDependOnThreads(QuantSpec spec) {
    Tensor x = Data.normal(arena, Shape.of(5, 2000), 3, 0);
    byte[] one = Data.bytes(Converted.quantized(stochastic(spec, 7, 1), x, arena).codes());
    byte[] two = Data.bytes(Converted.quantized(stochastic(spec, 7, 2), x, arena).codes());
    assertArrayEquals(one, two);
  }

  private Quantizer stochastic(QuantSpec spec, long seed, int threads) {
    Conversion conversion = Conversion.DEFAULT.withRounding(Rounding.stochastic(seed));
    return new HostQuantizer(spec, conversion, threads == 1 ? ONE : TWO, Rungs.best());
  }

  private static final Workers ONE = new Workers(1);
  private static final Workers TWO = new Workers(2);
}
