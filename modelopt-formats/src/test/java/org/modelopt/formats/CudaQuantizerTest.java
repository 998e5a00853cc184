package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.abort;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.modelopt.compute.Backend;
import org.modelopt.compute.BackendOptions;
import org.modelopt.compute.Backends;
import org.modelopt.compute.Scope;
import org.modelopt.error.CheckpointException;
import org.modelopt.error.DeviceException;
import org.modelopt.numeric.Arithmetic;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.Matrix;
import org.modelopt.numeric.NonFinite;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.numeric.Quantizers;
import org.modelopt.numeric.Rounding;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** The GPU gives the bits of the CPU, format by format. Skipped where there is no GPU. */
class CudaQuantizerTest {
  private static Backend gpu;
  private static Backend cpu;

  @BeforeAll
  static void open() {
    try {
      gpu = Backends.open("cuda", BackendOptions.defaults());
    } catch (DeviceException e) {
      abort(e.getMessage());
    }
    cpu = Backends.open("cpu", BackendOptions.defaults());
  }

  @AfterAll
  static void close() {
    if (gpu != null) {
      gpu.close();
    }
    if (cpu != null) {
      cpu.close();
    }
  }

  private static void assertSame(String what, Tensor expected, Tensor found) {
    assertEquals(expected.dtype(), found.dtype(), what);
    long at = expected.segment().mismatch(found.segment());
    if (at >= 0) {
      long element = at * 8 / Math.max(8, expected.dtype().bits());
      throw new AssertionError(
          "%s: byte %d (element %d of %s) is %02x on the CPU, %02x on the GPU"
              .formatted(
                  what,
                  at,
                  element,
                  expected,
                  expected.segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, at),
                  found.segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, at)));
    }
  }

  /** Everything that a quantizer does, on both devices. */
  private static void compare(QuantSpec spec, Conversion conversion, Tensor x) {
    String what = spec + " " + conversion + " " + x;
    Quantizer onCpu = Quantizers.of(spec, cpu).with(conversion);
    Quantizer onGpu = Quantizers.of(spec, gpu).with(conversion);
    assertEquals(CudaQuantizer.class, onGpu.getClass());
    try (Arena arena = Arena.ofShared();
        Scope cpuScope = cpu.openScope();
        Scope scope = gpu.openScope()) {
      assertSame("amax, " + what, onCpu.amax(x, arena), onGpu.amax(x, arena));
      Scales scales = onCpu.scales(x, arena);
      Scales found = onGpu.scales(x, arena);
      assertEquals(scales.globalScale(), found.globalScale(), what);
      assertSame("scales, " + what, scales.values(), found.values());
      scales
          .zeroPoints()
          .ifPresent(p -> assertSame("zero points, " + what, p, found.zeroPoints().orElseThrow()));
      QuantizedTensor codes = onCpu.quantize(x, scales, arena);
      assertSame("codes, " + what, codes.codes(), onGpu.quantize(x, scales, arena).codes());
      QuantizedTensor own = onGpu.quantize(x, scales.globalScale(), arena);
      assertSame("own codes, " + what, codes.codes(), own.codes());
      assertSame("own scales, " + what, scales.values(), own.scales().values());
      for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16}) {
        Tensor expected = Tensor.allocate(arena, dtype, x.shape());
        Tensor actual = Tensor.allocate(arena, dtype, x.shape());
        onCpu.dequantize(codes, expected);
        onGpu.dequantize(codes, actual);
        assertSame("values " + dtype + ", " + what, expected, actual);
      }
      Scales given = spec.dynamic() ? Scales.dynamic(scales.globalScale()) : scales;
      Tensor device = gpu.toDevice(x, x.dtype(), scope);
      assertSame(
          "fake, " + what,
          onCpu.fakeQuantize(x, given, cpuScope),
          gpu.toHost(onGpu.fakeQuantize(device, given, scope), scope));
    }
  }

  private static final Shape[] SHAPES = {
    Shape.of(1, 1), Shape.of(3, 31), Shape.of(5, 128), Shape.of(2, 515), Shape.of(130, 264)
  };

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16", "F16"})
  void everySpecGivesTheSameBits(DType dtype) {
    int turn = 0;
    for (QuantSpec spec : Specs.ALL) {
      Arithmetic arithmetic = Arithmetic.values()[turn % Arithmetic.values().length];
      for (Shape shape : turn % 5 == 0 ? List.of(SHAPES) : List.of(SHAPES[turn % 5])) {
        try (Arena arena = Arena.ofShared()) {
          compare(
              spec,
              Conversion.DEFAULT.withArithmetic(arithmetic),
              Data.mixture(arena, dtype, shape, turn));
        }
      }
      turn++;
    }
  }

  @Test
  void namedSpecsGiveTheSameBitsByEveryConversion() {
    List<Conversion> conversions = new ArrayList<>();
    for (Arithmetic arithmetic : Arithmetic.values()) {
      conversions.add(Conversion.DEFAULT.withArithmetic(arithmetic));
    }
    conversions.add(Conversion.DEFAULT.withRounding(Rounding.stochastic(0x1234_5678_9ABCL)));
    for (QuantSpec spec : Specs.NAMED) {
      for (Conversion conversion : conversions) {
        for (Shape shape : List.of(Shape.of(64, 512), Shape.of(33, 130))) {
          try (Arena arena = Arena.ofShared()) {
            compare(spec, conversion, Data.mixture(arena, DType.BF16, shape, 7));
          }
        }
      }
    }
  }

  @Test
  void everyPatternOfNarrowTypesGivesTheSameBits() {
    Conversion saturating = Conversion.DEFAULT.withNonFinite(NonFinite.SATURATE);
    try (Arena arena = Arena.ofShared()) {
      for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
        Tensor all = Tensor.allocate(arena, dtype, Shape.of(1024, 64));
        for (int i = 0; i < 1 << 16; i++) {
          all.segment().set(Tensor.SHORT, 2L * i, (short) i);
        }
        for (QuantSpec spec : Specs.NAMED) {
          compare(spec, saturating, all);
        }
      }
    }
  }

  @Test
  void partsOfMatricesAreConvertedWhereTheyAre() {
    try (Arena arena = Arena.ofShared()) {
      Tensor x = Data.mixture(arena, DType.BF16, Shape.of(40, 300), 3);
      Matrix part = Matrix.of(x).rows(8, 31).columns(32, 224);
      QuantizedTensor[] results = new QuantizedTensor[2];
      for (int i = 0; i < 2; i++) {
        Quantizer quantizer = Quantizers.of(QuantSpec.MXFP6, i == 0 ? cpu : gpu);
        results[i] = QuantizedTensor.allocate(QuantSpec.MXFP6, part.shape(), 1, arena);
        quantizer.quantize(part, results[i]);
      }
      assertSame("codes", results[0].codes(), results[1].codes());
      assertSame("scales", results[0].scales().values(), results[1].scales().values());
    }
  }

  @Test
  void theFirstElementThatIsNotFiniteIsNamed() {
    try (Arena arena = Arena.ofShared();
        Scope scope = gpu.openScope()) {
      Tensor x = Tensor.ofFloats(arena, Shape.of(2, 3), 1, 2, 3, 4, Float.NaN, 6);
      Quantizer quantizer = Quantizers.of(QuantSpec.FP8, gpu);
      CheckpointException e =
          assertThrows(CheckpointException.class, () -> quantizer.scales(x, arena));
      assertEquals(true, e.getMessage().contains("[1, 1]"), e.getMessage());
      Scales one = Scales.of(Tensor.ofFloats(arena, Shape.scalar(), 1));
      Tensor device = gpu.toDevice(x, DType.F32, scope);
      assertThrows(CheckpointException.class, () -> quantizer.fakeQuantize(device, one, scope));
    }
  }

  @Test
  void manyRandomPatternsGiveTheSameBits() {
    // 10^8 float32 patterns with -Dmodelopt.gpu.patterns=100000000; 2^20 otherwise.
    long wanted = Long.getLong("modelopt.gpu.patterns", 1 << 20);
    Conversion saturating = Conversion.DEFAULT.withNonFinite(NonFinite.SATURATE);
    int columns = 4096;
    long rows = 4096;
    List<QuantSpec> specs =
        List.of(
            QuantSpec.FP8,
            QuantSpec.FP8_PER_CHANNEL,
            QuantSpec.INT8_PER_CHANNEL,
            QuantSpec.INT4_BLOCK_128,
            QuantSpec.MXFP8_E5M2,
            QuantSpec.MXFP6_E2M3,
            QuantSpec.MXFP4,
            QuantSpec.NVFP4);
    try (Arena arena = Arena.ofShared()) {
      long batch = Math.min(rows * columns, wanted);
      Tensor x = Tensor.allocate(arena, DType.F32, Shape.of(batch / columns, columns));
      long state = 42;
      for (long done = 0; done < wanted; done += batch) {
        MemorySegment bytes = x.segment();
        for (long i = 0; i < batch; i++) {
          state = state * 6364136223846793005L + 1442695040888963407L;
          int pattern = (int) (state >>> 32);
          // A few octaves each, so that scales leave most elements above zero.
          int exponent = 100 + (pattern >>> 23 & 31) + (int) (i / columns % 24);
          bytes.setAtIndex(
              java.lang.foreign.ValueLayout.JAVA_INT, i, (pattern & 0x807FFFFF) | (exponent << 23));
        }
        for (QuantSpec spec : specs) {
          Quantizer onCpu = Quantizers.of(spec, cpu).with(saturating);
          Quantizer onGpu = Quantizers.of(spec, gpu).with(saturating);
          try (Arena here = Arena.ofShared()) {
            Scales scales = onCpu.scales(x, here);
            QuantizedTensor expected = onCpu.quantize(x, scales, here);
            QuantizedTensor found = onGpu.quantize(x, scales.globalScale(), here);
            assertSame(spec + " codes", expected.codes(), found.codes());
            assertSame(spec + " scales", scales.values(), found.scales().values());
          }
        }
      }
    }
  }
}
