package org.modelopt.export;

import org.modelopt.export.hf.HfExport;
import org.modelopt.quantize.QuantizedModel;

/** Entrance to the writers of checkpoints. */
public final class Exports {
  private Exports() {}

  /**
   * A HuggingFace checkpoint with ModelOpt's metadata, for vLLM, SGLang and the PyTorch backend of
   * TensorRT-LLM.
   */
  public static HfExport huggingFace(QuantizedModel quantized) {
    return HfExport.of(quantized);
  }
}
