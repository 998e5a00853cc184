package org.modelopt.export.hf;

import java.util.List;
import java.util.Optional;
import org.modelopt.decision.Quantization;
import org.modelopt.decision.WeightQuantization;
import org.modelopt.model.Linear;

/** What a quantized linear looks like on disk in one format. */
interface LinearLayout {
  /** All layouts, asked in this order. */
  List<LinearLayout> ALL = List.of(new Fp8Layout());

  /** Name of the format in {@code quant_algo}. */
  String quantAlgo();

  /** Whether this is the layout of a linear quantized so. */
  boolean fits(WeightQuantization weight, Optional<Quantization> input);

  /** The tensors that take the place of the linear's weight. */
  List<OutputTensor> tensors(
      Linear linear, WeightQuantization weight, Optional<Quantization> input);
}
