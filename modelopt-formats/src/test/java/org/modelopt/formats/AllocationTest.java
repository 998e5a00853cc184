package org.modelopt.formats;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.modelopt.compute.Workers;
import org.modelopt.formats.internal.ScalarKernels;
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
 * A conversion allocates what hands out its work, and nothing per element, row or strip. The plain
 * loops are counted: those with vectors allocate until the compiler has seen them often enough, and
 * then not, which is no property of a single call.
 */
class AllocationTest {
  static final List<QuantSpec> SPECS =
      List.of(
          QuantSpec.FP8,
          QuantSpec.FP8_PER_CHANNEL,
          QuantSpec.FP8_BLOCK_128X128,
          QuantSpec.INT8,
          QuantSpec.INT4_BLOCK_128,
          QuantSpec.MXFP8,
          QuantSpec.MXFP4,
          QuantSpec.NVFP4);

  /** Objects that hand out work, for a pool of one thread. */
  private static final long PER_CALL = 8192;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @ParameterizedTest
  @FieldSource("SPECS")
  void conversionsAllocateNothingPerElement(QuantSpec spec) {
    try (Workers one = new Workers(1);
        Arena arena = Arena.ofShared()) {
      Quantizer quantizer = new HostQuantizer(spec, Conversion.DEFAULT, one, new ScalarKernels());
      Shape shape = Shape.of(128, 1024);
      Tensor x = Data.normal(arena, shape, 1, 0);
      Matrix matrix = Matrix.of(x);
      Scales scales = quantizer.scales(x, arena);
      Tensor amax = quantizer.amax(x, arena);
      Tensor values = Tensor.allocate(arena, DType.F32, shape);
      QuantizedTensor codes = QuantizedTensor.allocate(spec, shape, scales.globalScale(), arena);
      HostScope scope = new HostScope(arena);
      assertAllocatesLittle("amax", () -> quantizer.amax(matrix, amax));
      assertAllocatesLittle("quantize", () -> quantizer.quantize(matrix, codes));
      assertAllocatesLittle(
          "quantize under given scales", () -> quantizer.quantize(matrix, scales, codes.codes()));
      assertAllocatesLittle("dequantize", () -> quantizer.dequantize(codes, values));
      assertAllocatesLittle("fake quantization", () -> quantizer.fakeQuantize(x, scales, scope));
    }
  }

  private static void assertAllocatesLittle(String what, Runnable conversion) {
    conversion.run();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    conversion.run();
    long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
    assertTrue(bytes < PER_CALL, what + " allocated " + bytes + " bytes");
  }
}
