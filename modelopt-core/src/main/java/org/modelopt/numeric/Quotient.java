package org.modelopt.numeric;

/** Precision of the quotient {@code x / scale} before it is rounded to a code. */
public enum Quotient {
  /** float32: a code is the one nearest to the quotient. The default. */
  FLOAT32,
  /**
   * The quotient is rounded to the element type of {@code x} first and to a code second. For
   * bfloat16 weights under a per-tensor scale this is what PyTorch's type promotion does, and so
   * what the reference writes into FP8 checkpoints: some codes end up one step from the nearest. No
   * effect on float32 elements.
   */
  ELEMENT_TYPE
}
