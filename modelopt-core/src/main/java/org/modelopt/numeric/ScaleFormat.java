package org.modelopt.numeric;

/** How scales are stored. */
public enum ScaleFormat {
  /** float32. */
  F32,
  /** binary16. */
  F16,
  /** bfloat16. */
  BF16,
  /** A power of two in one byte, OCP Microscaling Formats v1.0 section 5.4. */
  E8M0,
  /** E4M3 per block under one float32 scale per tensor, as in NVFP4. */
  E4M3_WITH_GLOBAL_F32
}
