package org.modelopt.formats;

import java.lang.foreign.Arena;
import org.modelopt.compute.Workers;
import org.modelopt.formats.internal.Rungs;
import org.modelopt.formats.internal.ScalarKernels;
import org.modelopt.numeric.Conversion;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Short forms of conversions for tests. */
final class Converted {
  private static final Workers ONE = new Workers(1);

  private Converted() {}

  /** The fastest loops, on the calling thread. */
  static Quantizer quantizer(QuantSpec spec) {
    return new HostQuantizer(spec, Conversion.DEFAULT, ONE, Rungs.best());
  }

  /** The plain loops, on the calling thread. */
  static Quantizer plain(QuantSpec spec) {
    return new HostQuantizer(spec, Conversion.DEFAULT, ONE, new ScalarKernels());
  }

  /** Codes under the scales that the tensor's own elements give. */
  static QuantizedTensor quantized(Quantizer quantizer, Tensor x, Arena arena) {
    return quantizer.quantize(x, quantizer.scales(x, arena), arena);
  }

  /** What codes stand for, as F32. */
  static float[] values(Quantizer quantizer, QuantizedTensor quantized, Arena arena) {
    Tensor into = Tensor.allocate(arena, DType.F32, quantized.shape());
    quantizer.dequantize(quantized, into);
    return into.toFloats();
  }

  /** What a round trip makes of a tensor. */
  static float[] roundTrip(Quantizer quantizer, Tensor x, Arena arena) {
    return values(quantizer, quantized(quantizer, x, arena), arena);
  }
}
