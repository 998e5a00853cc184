package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import org.modelopt.job.LinearForm;
import org.modelopt.job.Pass;
import org.modelopt.model.Linear;
import org.modelopt.quantize.QuantizedModel;
import org.modelopt.tensor.Tensor;

/**
 * Makes the parameters of a quantized model, one at a time.
 *
 * @param quantized the model and what was decided
 * @param pass where the work is done
 */
record Encoder(QuantizedModel quantized, Pass pass) {
  /** A tensor that is no weight or bias of a linear. */
  Tensor parameter(String name, Arena arena) {
    return quantized.parameter(name, pass, arena);
  }

  /** What becomes of a linear. */
  LinearForm form(Linear linear, Arena arena) {
    return quantized.form(linear, pass, arena);
  }
}
