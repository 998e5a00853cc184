package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.lang.foreign.Arena;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The fast choice between two scales is that of the plain one, also where errors nearly tie. */
class FourOverSixTest {
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void manyBlocks(long seed) {
    try (Arena arena = Arena.ofShared()) {
      Shape shape = Shape.of(64, 4112);
      Tensor normal = Data.normal(arena, shape, seed, 0);
      assertSame(Data.tensor(arena, DType.BF16, shape, normal.toFloats()), arena);
      assertSame(Data.mixture(arena, DType.BF16, shape, seed), arena);
    }
  }

  /** Multiples of a coarse step: many blocks are exact under both scales, or err by the same. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 6, 12, 24})
  void blocksOfFewValues(int levels) {
    try (Arena arena = Arena.ofShared()) {
      Shape shape = Shape.of(16, 1024);
      float[] values = Data.normal(arena, shape, levels, 0).toFloats();
      for (int i = 0; i < values.length; i++) {
        values[i] = Math.round(Math.clamp(values[i], -4, 4) * levels / 4) * .25f;
      }
      assertSame(Data.tensor(arena, DType.BF16, shape, values), arena);
    }
  }

  private static void assertSame(Tensor x, Arena arena) {
    QuantSpec spec = QuantSpec.NVFP4_FOUR_OVER_SIX;
    QuantizedTensor expected = Converted.quantized(Converted.plain(spec), x, arena);
    QuantizedTensor found = Converted.quantized(Converted.quantizer(spec), x, arena);
    assertArrayEquals(Data.bytes(expected.scales().values()), Data.bytes(found.scales().values()));
    assertArrayEquals(Data.bytes(expected.codes()), Data.bytes(found.codes()));
  }
}
