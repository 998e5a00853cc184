package org.modelopt.job;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.modelopt.decision.Quantization;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Quantizer;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Tensor;

/** Reads weights of linears, whatever form the checkpoint stores them in. */
public final class Weights {
  private Weights() {}

  /**
   * The weight {@code [out, in]} of {@code linear} on the host: F32, F16 or BF16 as stored, not
   * copied, or in F32 what stored codes stand for.
   *
   * @param arena owner of the result
   */
  public static Tensor open(Model model, Linear linear, Pass pass, Arena arena) {
    Optional<QuantizedTensor> codes = model.storedCodes(linear, arena);
    if (codes.isEmpty()) {
      return model.tensors().open(linear.weightName(), arena);
    }
    return dequantize(codes.get(), pass, arena);
  }

  /** What quantizing {@code weight} as decided and dequantizing it gives, in F32 on the host. */
  public static Tensor simulate(Tensor weight, Quantization quantization, Pass pass, Arena arena) {
    return dequantize(quantize(weight, quantization, pass, arena), pass, arena);
  }

  /** The codes of {@code weight} as decided. */
  public static QuantizedTensor quantize(
      Tensor weight, Quantization quantization, Pass pass, Arena arena) {
    Quantizer quantizer = pass.quantizer(quantization.spec()).with(quantization.conversion());
    return quantizer.quantize(weight, quantization.scales(), arena);
  }

  private static Tensor dequantize(QuantizedTensor codes, Pass pass, Arena arena) {
    Tensor values = Tensor.allocate(arena, DType.F32, codes.shape());
    pass.quantizer(codes.spec()).dequantize(codes, values);
    return values;
  }
}
