package org.modelopt.export;

import org.modelopt.export.unified.ModelOptTarget;
import org.modelopt.export.write.TargetExport;
import org.modelopt.quantize.QuantizedModel;

/** Entrance to the writers of checkpoints. */
public final class Exports {
  private Exports() {}

  /**
   * A HuggingFace checkpoint with ModelOpt's metadata, for vLLM, SGLang and the PyTorch backend of
   * TensorRT-LLM.
   */
  public static TargetExport huggingFace(QuantizedModel quantized) {
    return TargetExport.of(quantized, new ModelOptTarget());
  }
}
