package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.numeric.Granularity;
import org.modelopt.numeric.IntFormat;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.ScaleRule;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Mean squared errors on normal deviates, relative to their mean square, within 5 percent. */
class GaussianErrorTest {
  private static final QuantSpec UINT4 = QuantSpec.UINT4_BLOCK_128;

  static Stream<Arguments> errors() {
    return Stream.of(
        Arguments.of(QuantSpec.NVFP4, .00902),
        Arguments.of(QuantSpec.NVFP4_FOUR_OVER_SIX, .00753),
        Arguments.of(QuantSpec.MXFP4, .01344),
        Arguments.of(QuantSpec.MXFP4.withScaleRule(ScaleRule.POWER_FLOOR), .01336),
        Arguments.of(QuantSpec.int4Block(16), .00733),
        Arguments.of(QuantSpec.int4Block(32), .00958),
        Arguments.of(QuantSpec.int4Block(128), .01395),
        Arguments.of(UINT4.withGranularity(Granularity.block(16)), .00484),
        Arguments.of(UINT4.withGranularity(Granularity.block(32)), .00657),
        Arguments.of(UINT4, .01019),
        Arguments.of(QuantSpec.of(IntFormat.INT8, Granularity.block(16)), 2.2e-5),
        Arguments.of(QuantSpec.INT8_PER_CHANNEL, 7.85e-5),
        Arguments.of(QuantSpec.FP8_PER_CHANNEL, 7.08e-4));
  }

  @ParameterizedTest
  @MethodSource("errors")
  void relativeErrorIsAsComputed(QuantSpec spec, double expected) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor x = Data.normal(arena, Shape.of(32, 4096), 1, 0);
      float[] y = Converted.roundTrip(Converted.quantizer(spec), x, arena);
      float[] values = x.toFloats();
      double error = 0;
      double power = 0;
      for (int i = 0; i < y.length; i++) {
        error += Math.pow((double) values[i] - y[i], 2);
        power += (double) values[i] * values[i];
      }
      assertEquals(expected, error / power, expected * .05, spec.toString());
    }
  }
}
