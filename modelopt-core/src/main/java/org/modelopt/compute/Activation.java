package org.modelopt.compute;

/** Elementwise non-linearity of a gated feed-forward block. */
public enum Activation {
  /** {@code x * sigmoid(x)}. */
  SILU,
  /** {@code 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))}. */
  GELU_TANH,
  /** {@code 0.5 x (1 + erf(x / sqrt 2))}. */
  GELU,
  /** {@code max(x, 0)}. */
  RELU,
  /**
   * gpt-oss: {@code g sigmoid(1.702 g)} with {@code g = min(x, 7)}; {@code up} becomes {@code
   * clamp(up, -7, 7) + 1} before it is multiplied.
   */
  CLAMPED_SWIGLU;

  /** Whether the product with {@code up} is linear in it, so that factors of it can be moved. */
  public boolean isLinearInUp() {
    return this != CLAMPED_SWIGLU;
  }

  /** Bound of gate and up in {@link #CLAMPED_SWIGLU}. */
  public static final float SWIGLU_LIMIT = 7;

  /** Factor within the sigmoid of {@link #CLAMPED_SWIGLU}. */
  public static final float SWIGLU_ALPHA = 1.702f;
}
