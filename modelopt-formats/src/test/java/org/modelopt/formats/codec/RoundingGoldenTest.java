package org.modelopt.formats.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.modelopt.formats.Goldens;
import org.modelopt.numeric.FloatFormat;
import org.modelopt.numeric.FloatFormat.Specials;
import org.modelopt.tensor.Tensor;

/** Every number of two 16-bit types, and many of float32, against ml_dtypes and PyTorch. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RoundingGoldenTest {
  /** Bits of a number as a float. */
  @FunctionalInterface
  private interface Decoder {
    float of(int bits);
  }

  private Goldens goldens;

  @BeforeAll
  void open() {
    goldens = Goldens.open();
  }

  @AfterAll
  void close() {
    goldens.close();
  }

  static List<FloatFormat> formats() {
    return List.of(
        FloatFormat.E4M3, FloatFormat.E5M2, FloatFormat.E3M2, FloatFormat.E2M3, FloatFormat.E2M1);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void everyBfloat16(FloatFormat format) {
    int[] codes = goldens.codes("bf16_to_" + Goldens.name(format));
    for (int bits = 0; bits < 1 << 16; bits++) {
      assertEncodes(format, codes[bits], Float.intBitsToFloat(bits << 16));
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void everyBinary16(FloatFormat format) {
    int[] codes = goldens.codes("fp16_to_" + Goldens.name(format));
    for (int bits = 0; bits < 1 << 16; bits++) {
      assertEncodes(format, codes[bits], Float.float16ToFloat((short) bits));
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void manyFloats(FloatFormat format) {
    float[] values = goldens.tensor("f32_in").toFloats();
    int[] codes = goldens.codes("f32_to_" + Goldens.name(format));
    assertEquals(20_000, values.length);
    for (int i = 0; i < values.length; i++) {
      assertEncodes(format, codes[i], values[i]);
    }
  }

  /** The same as the golden code in range; saturated beyond; NaN as the codec says. */
  private static void assertEncodes(FloatFormat format, int golden, float x) {
    int code = FloatCodec.encode(format, x);
    int sign = Float.floatToRawIntBits(x) >>> 31 << (format.bits() - 1);
    if (Float.isNaN(x)) {
      int nan = format.specials() == Specials.NONE ? 0 : (1 << (format.bits() - 1)) - 1;
      assertEquals(nan, code, "NaN");
    } else if (Math.abs(x) <= format.maxFinite()) {
      assertEquals(golden, code, () -> format.name() + " of " + x);
    } else {
      assertEquals(sign | FloatCodec.maxCode(format), code, () -> format.name() + " of " + x);
    }
  }

  @Test
  void pyTorchCastsToTheSameCodes() {
    for (FloatFormat format : List.of(FloatFormat.E4M3, FloatFormat.E5M2)) {
      int[] codes = goldens.codes("torch_bf16_to_" + Goldens.name(format));
      for (int bits = 0; bits < 1 << 16; bits++) {
        assertEncodes(format, codes[bits], Float.intBitsToFloat(bits << 16));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void everyCodeIsDecodedExactly(FloatFormat format) {
    float[] values = goldens.tensor("decode_" + Goldens.name(format)).toFloats();
    assertEquals(1 << format.bits(), values.length);
    for (int code = 0; code < values.length; code++) {
      assertEquals(values[code], FloatCodec.decode(format, code), format.name() + " " + code);
    }
  }

  @Test
  void powersOfTwoAreDecodedExactly() {
    float[] values = goldens.tensor("decode_float8_e8m0fnu").toFloats();
    for (int code = 0; code < 256; code++) {
      assertEquals(values[code], PowerCodec.decode(code), "E8M0 " + code);
    }
  }

  @Test
  void powersOfTwoNearestToEveryNumber() {
    int[] ofBf16 = goldens.codes("bf16_to_float8_e8m0fnu");
    int[] ofF16 = goldens.codes("fp16_to_float8_e8m0fnu");
    for (int bits = 0; bits < 1 << 16; bits++) {
      assertPower(ofBf16[bits], Float.intBitsToFloat(bits << 16));
      assertPower(ofF16[bits], Float.float16ToFloat((short) bits));
    }
  }

  /** Below 2^-126, where ml_dtypes rounds all subnormal floats up, the nearest power counts. */
  private static void assertPower(int golden, float x) {
    int code = PowerCodec.encode(x);
    if (x >= 0x1p-126f && x < 0x1.8p127f) {
      assertEquals(golden, code, () -> "E8M0 of " + x);
    } else if (x >= 0x1p-126f && x <= Float.MAX_VALUE) {
      assertEquals(254, code, () -> "E8M0 of " + x);
    } else if (x > 0 && x < 0x1p-126f) {
      assertEquals(x >= 0x1.8p-127f ? 1 : 0, code, () -> "E8M0 of " + x);
    } else {
      assertEquals(255, code, () -> "E8M0 of " + x);
    }
  }

  @Test
  void narrowStorageTypesAreRoundedToNearestEven() {
    float[] values = goldens.tensor("f32_in").toFloats();
    short[] toBf16 = goldens.tensor("f32_to_bf16").segment().toArray(Tensor.SHORT);
    short[] toF16 = goldens.tensor("f32_to_fp16").segment().toArray(Tensor.SHORT);
    Decoder bf16 = bits -> Float.intBitsToFloat(bits << 16);
    Decoder f16 = bits -> Float.float16ToFloat((short) bits);
    for (int i = 0; i < values.length; i++) {
      assertEquals(bf16.of(toBf16[i]), Bits.roundToBf16(values[i]));
      assertEquals(toBf16[i], (short) Bits.toBf16(values[i]));
      assertEquals(f16.of(toF16[i]), Bits.roundToF16(values[i]));
    }
    assertTrue(Float.isNaN(Bits.roundToBf16(Float.NaN)));
    assertEquals(0x3F80, Bits.toBf16(0x1.01p0f), "a tie, to even");
    assertEquals(0x3F82, Bits.toBf16(0x1.03p0f), "a tie, to even");
  }
}
