package org.modelopt.numeric;

import org.modelopt.tensor.DType;

/** How scales are stored. */
public enum ScaleFormat {
  /** float32. */
  F32(DType.F32),
  /** binary16. */
  F16(DType.F16),
  /** bfloat16. */
  BF16(DType.BF16),
  /** A power of two in one byte, OCP Microscaling Formats v1.0 section 5.4. */
  E8M0(DType.F8_E8M0),
  /** E4M3 per block under one float32 scale per tensor, as in NVFP4. */
  E4M3_WITH_GLOBAL_F32(DType.F8_E4M3);

  private final DType dtype;

  ScaleFormat(DType dtype) {
    this.dtype = dtype;
  }

  /** Type of stored scales. */
  public DType dtype() {
    return dtype;
  }

  /** Whether all scales of a tensor have a common float32 factor. */
  public boolean hasGlobalScale() {
    return this == E4M3_WITH_GLOBAL_F32;
  }
}
