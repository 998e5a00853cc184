package org.modelopt.compute;

import org.modelopt.tensor.DType;

/** Type in which activations and weights take part in a forward pass. Sums are float32 in both. */
public enum Precision {
  /** Activations and weights in float32. */
  FLOAT32(DType.F32),
  /**
   * Activations and weights in bfloat16, each operation's result rounded to it, sums in float32:
   * the arithmetic of a model loaded with {@code dtype=bfloat16}.
   */
  BFLOAT16(DType.BF16);

  private final DType dtype;

  Precision(DType dtype) {
    this.dtype = dtype;
  }

  /** Element type of activations and weights. */
  public DType dtype() {
    return dtype;
  }
}
