package org.modelopt.numeric;

/**
 * The float32 operations by which scales and quotients are computed. Files made with any of them
 * are read the same way; a few codes differ by one step.
 *
 * <p>The two forms named after PyTorch give, bit for bit, what the reference writes when it runs on
 * a CPU or on a GPU. Both follow its two peculiarities of 4-bit floats:
 *
 * <ul>
 *   <li>E2M1 under E8M0 scales (MXFP4): magnitudes halfway between two codes go to the smaller one,
 *       and zeros become negative zero;
 *   <li>E2M1 otherwise (NVFP4): negative zeros become positive zero.
 * </ul>
 */
public enum Arithmetic {
  /** {@code amax / max} and {@code x / scale}, each rounded once, to float32. The default. */
  FLOAT32,
  /**
   * As PyTorch on a CPU evaluates the reference's expressions. Under a per-tensor scale, elements
   * narrower than float32 make the quotient narrow too: {@code x / scale} is rounded to the type of
   * x before it is rounded to a code.
   */
  TORCH_CPU,
  /**
   * As PyTorch on a GPU evaluates the reference's expressions, so as the reference writes its
   * files. Scales are {@code amax * (1 / max)}, the reciprocal rounded to float32. Under a
   * per-tensor scale and with elements narrower than float32, the scale (for this use, not as it is
   * stored) and then the quotient are rounded to the type of x.
   */
  TORCH_CUDA
}
