package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import org.modelopt.decision.Quantization;
import org.modelopt.job.Pass;
import org.modelopt.job.Weights;
import org.modelopt.model.Linear;
import org.modelopt.model.Model;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.tensor.Tensor;

/**
 * Reads weights of one model and turns them into codes.
 *
 * @param model where weights come from
 * @param pass where the work is done
 */
record Encoder(Model model, Pass pass) {
  /** A stored tensor as it is. */
  Tensor stored(String name, Arena arena) {
    return model.tensors().open(name, arena);
  }

  /** Codes of the weight of {@code linear} as decided. */
  QuantizedTensor codes(Linear linear, Quantization quantization, Arena arena) {
    Tensor weight = Weights.open(model, linear, pass, arena);
    return Weights.quantize(weight, quantization, pass, arena);
  }
}
