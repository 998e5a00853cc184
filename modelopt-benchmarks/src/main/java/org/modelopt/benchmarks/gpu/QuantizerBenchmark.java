package org.modelopt.benchmarks.gpu;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.modelopt.compute.Scope;
import org.modelopt.compute.cuda.CudaBackend;
import org.modelopt.formats.CudaCodec;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** Bytes per second of number formats on the device, beside those of a copy. */
final class QuantizerBenchmark {
  private static final Map<String, QuantSpec> SPECS = new LinkedHashMap<>();

  static {
    SPECS.put("FP8", QuantSpec.FP8);
    SPECS.put("FP8_PER_CHANNEL", QuantSpec.FP8_PER_CHANNEL);
    SPECS.put("INT8", QuantSpec.INT8);
    SPECS.put("INT8_PER_CHANNEL", QuantSpec.INT8_PER_CHANNEL);
    SPECS.put("INT4_BLOCK_128", QuantSpec.INT4_BLOCK_128);
    SPECS.put("MXFP8", QuantSpec.MXFP8);
    SPECS.put("MXFP6", QuantSpec.MXFP6);
    SPECS.put("MXFP4", QuantSpec.MXFP4);
    SPECS.put("NVFP4", QuantSpec.NVFP4);
    SPECS.put("NF4", QuantSpec.NF4);
  }

  private final CudaBackend gpu;
  private final DeviceClock clock;
  private final double copy;
  private final PrintStream out;

  QuantizerBenchmark(CudaBackend gpu, DeviceClock clock, double copy, PrintStream out) {
    this.gpu = gpu;
    this.clock = clock;
    this.copy = copy;
    this.out = out;
  }

  void run(GpuBenchmark.Source source) {
    Tensor x = source.random(16384, 8192);
    try (Scope scope = gpu.openScope()) {
      Tensor strange = scope.allocate(DType.I32, Shape.of(1));
      gpu.clear(strange);
      Tensor one = scope.allocate(DType.F32, Shape.of(1));
      gpu.clear(one);
      CudaCodec any = new CudaCodec(gpu, QuantSpec.FP8, Conversion.DEFAULT);
      print("amax", x.byteSize(), clock.seconds(() -> any.amaxOfAll(x, one, strange)));
      SPECS.forEach((name, spec) -> run(name, spec, x, strange));
    }
  }

  private void run(String name, QuantSpec spec, Tensor x, Tensor strange) {
    CudaCodec codec = new CudaCodec(gpu, spec, Conversion.DEFAULT);
    try (Scope scope = gpu.openScope()) {
      Tensor values =
          scope.allocate(spec.scaleFormat().dtype(), spec.granularity().scaleShape(x.shape()));
      Scales scales =
          new Scales(values, spec.scaleFormat().hasGlobalScale() ? 1e-4f : 1f, Optional.empty());
      Tensor codes = scope.allocate(spec.codesDType(), spec.codesShape(x.shape()));
      Tensor back = scope.allocate(x.dtype(), x.shape());
      codec.scales(x, scales, strange, scope);
      long bytes = x.byteSize() + codes.byteSize() + values.byteSize();
      boolean onePass = codec.isOnePass(x.shape());
      print(
          name + (onePass ? " amax, encode, pack" : " encode, pack"),
          bytes,
          clock.seconds(() -> {
            if (onePass) {
              codec.encodeWithScales(x, scales, codes, strange);
            } else {
              codec.encode(x, scales, codes, strange);
            }
          }));
      print(name + " decode", bytes, clock.seconds(() -> codec.decode(codes, scales, back)));
      print(
          name + " fake-quant",
          2 * x.byteSize(),
          clock.seconds(() -> {
            if (onePass) {
              codec.roundUnderOwnScales(x, scales.globalScale(), back, strange);
            } else {
              codec.round(x, scales, back, strange);
            }
          }));
    }
  }

  private void print(String what, long bytes, double seconds) {
    double rate = bytes / seconds;
    out.println(
        String.format(
            Locale.ROOT,
            "| %s | %.1f us | %.0f GB/s, %.2f of copy |",
            what,
            seconds * 1e6,
            rate * 1e-9,
            rate / copy));
  }
}
