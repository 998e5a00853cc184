package org.modelopt.compute.cpu;

import org.modelopt.compute.Activation;

/** Elementary functions in float32. */
final class FloatMath {
  private static final float SQRT_HALF = (float) Math.sqrt(0.5);
  private static final float SQRT_TWO_OVER_PI = (float) Math.sqrt(2 / Math.PI);

  private FloatMath() {}

  static float exp(float x) {
    return (float) Math.exp(x);
  }

  static float tanh(float x) {
    return (float) Math.tanh(x);
  }

  static float erf(float x) {
    return (float) org.apache.commons.math3.special.Erf.erf(x);
  }

  /** The activation of {@code x}; formulas as in {@link Activation}, operation by operation. */
  static float activate(Activation activation, float x) {
    return switch (activation) {
      case SILU -> x / (1 + exp(-x));
      case GELU_TANH -> 0.5f * x * (1 + tanh(SQRT_TWO_OVER_PI * Math.fma(0.044715f * x * x, x, x)));
      case GELU -> 0.5f * x * (1 + erf(x * SQRT_HALF));
      case RELU -> Math.max(x, 0);
    };
  }
}
