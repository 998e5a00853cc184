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
  RELU
}
