package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.modelopt.compute.Workers;
import org.modelopt.error.CheckpointException;
import org.modelopt.formats.internal.ScalarKernels;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Values from Model-Optimizer 0.47 (dev commit a2fbac7), run on the CPU. */
@SuppressWarnings("FloatingPointLiteralPrecision") // digits as the reference prints them
class Fp8PerTensorTest {
  private final Workers workers = new Workers(2);
  private final Arena arena = Arena.ofShared();
  private final Quantizer fp8 =
      new HostQuantizer(QuantSpec.FP8, Conversion.DEFAULT, workers, new ScalarKernels());

  @AfterEach
  void close() {
    arena.close();
    workers.close();
  }

  @Test
  void encodesWithinRange() {
    assertArrayEquals(
        new int[] {0, 1, 8, 29, 42, 56, 56, 58, 126},
        codes(0, 0x1p-9f, 0x1p-6f, .1f, .3f, 1, 1.0625f, 1.1875f, 448));
  }

  @Test
  void saturatesInsteadOfOverflowing() {
    assertArrayEquals(new int[] {126, 126, 126, 254}, codes(460, 500, 1e9f, -500));
  }

  @Test
  void fakeQuantizesAtAmax448() {
    float[] in = {.001f, .0009765625f, .00146484375f, .3f, 17, 17.5f, 18.5f, 19, 460, 500, -1000};
    float[] out = {.001953125f, 0, .001953125f, .3125f, 16, 18, 18, 20, 448, 448, -448};
    assertArrayEquals(out, roundTrip(in, 448));
  }

  @Test
  void fakeQuantizesAtAmax3() {
    float[] in = {.1f, -.2f, .3f, .77f, 1, 1.5f, -3};
    float[] out = {.10044643f, -.20089285f, .29464284f, .74999994f, .96428567f, 1.5f, -3};
    assertArrayEquals(out, roundTrip(in, 3), 5e-7f);
  }

  @Test
  void scaleIsAmaxOver448() {
    Tensor x = Tensor.ofFloats(arena, Shape.of(2, 2), 1, -3, .5f, 2);
    assertEquals(3f / 448f, fp8.scales(x, arena).values().getFloat(0));
    assertEquals(3f / 448f, fp8.scalesOfAmax(scalar(3), arena).values().getFloat(0));
  }

  @Test
  void scaleOfZerosIsOne() {
    Tensor zeros = Tensor.allocate(arena, DType.BF16, Shape.of(3, 5));
    assertEquals(1f, fp8.scales(zeros, arena).values().getFloat(0));
    assertEquals(1f, fp8.scalesOfAmax(scalar(0), arena).values().getFloat(0));
  }

  @Test
  void roundsAsPyTorchDoesOnlyWhenAsked() {
    Tensor weights = bf16(-.006317138671875f, .007720947265625f);
    Scales scales = Scales.of(scalar(.00020381381909828633f));
    assertArrayEquals(new int[] {223, 97}, bytes(fp8.quantize(weights, scales, arena).codes()));
    assertArrayEquals(
        new int[] {224, 98},
        bytes(with(Arithmetic.TORCH_CPU).quantize(weights, scales, arena).codes()));
    assertArrayEquals(
        new int[] {224, 97},
        bytes(with(Arithmetic.TORCH_CUDA).quantize(weights, scales, arena).codes()));
  }

  @Test
  void scalesAsPyTorchOnGpusWhenAsked() {
    Tensor amax = scalar(.25390625f);
    assertEquals(0x1.292492p-11f, fp8.scalesOfAmax(amax, arena).values().getFloat(0));
    assertEquals(
        0x1.292494p-11f,
        with(Arithmetic.TORCH_CUDA).scalesOfAmax(amax, arena).values().getFloat(0));
  }

  private Quantizer with(Arithmetic arithmetic) {
    return fp8.with(Conversion.DEFAULT.withArithmetic(arithmetic));
  }

  @Test
  void nonFiniteElementsAreNamed() {
    Tensor x = Tensor.ofFloats(arena, Shape.of(2, 2), 1, 2, Float.NaN, 4);
    var failure = assertThrows(CheckpointException.class, () -> fp8.scales(x, arena));
    assertTrue(failure.getMessage().contains("element [1, 0]"), failure.getMessage());
    assertThrows(CheckpointException.class, () -> fp8.quantize(x, Scales.of(scalar(1)), arena));
  }

  @Test
  void nonFiniteElementsSaturateWhenAsked() {
    Quantizer lenient = fp8.with(Conversion.DEFAULT.withNonFinite(NonFinite.SATURATE));
    Tensor x =
        Tensor.ofFloats(
            arena, Shape.of(4), 448, Float.NEGATIVE_INFINITY, Float.NaN, Float.POSITIVE_INFINITY);
    Scales scales = lenient.scales(x, arena);
    assertEquals(1f, scales.values().getFloat(0));
    assertArrayEquals(
        new int[] {126, 254, 127, 126}, bytes(lenient.quantize(x, scales, arena).codes()));
  }

  @Test
  void dequantizesIntoEveryWideType() {
    Tensor x = Tensor.ofFloats(arena, Shape.of(1, 3), 1, -2, .3f);
    var quantized = fp8.quantize(x, Scales.of(scalar(1)), arena);
    for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16}) {
      Tensor into = Tensor.allocate(arena, dtype, Shape.of(1, 3));
      fp8.dequantize(quantized, into);
      assertArrayEquals(new float[] {1, -2, .3125f}, into.toFloats(), dtype.name());
    }
  }

  private int[] codes(float... values) {
    Tensor x = Tensor.ofFloats(arena, Shape.of(values.length), values);
    return bytes(fp8.quantize(x, Scales.of(scalar(1)), arena).codes());
  }

  private float[] roundTrip(float[] values, float amax) {
    Tensor x = Tensor.ofFloats(arena, Shape.of(values.length), values);
    Tensor into = Tensor.allocate(arena, DType.F32, x.shape());
    fp8.dequantize(fp8.quantize(x, fp8.scalesOfAmax(scalar(amax), arena), arena), into);
    return into.toFloats();
  }

  private Tensor scalar(float value) {
    return Tensor.ofFloats(arena, Shape.scalar(), value);
  }

  private Tensor bf16(float... values) {
    Tensor tensor = Tensor.allocate(arena, DType.BF16, Shape.of(values.length));
    for (int i = 0; i < values.length; i++) {
      short bits = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
      tensor.segment().set(Tensor.SHORT, 2L * i, bits);
    }
    return tensor;
  }

  private static int[] bytes(Tensor codes) {
    byte[] bytes = codes.segment().toArray(ValueLayout.JAVA_BYTE);
    int[] unsigned = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      unsigned[i] = Byte.toUnsignedInt(bytes[i]);
    }
    return unsigned;
  }
}
