package org.modelopt.compute.cpu;

import org.modelopt.compute.Activation;

/**
 * Elementary functions built from float32 (or float64) additions, products, fused multiply-adds and
 * divisions only, so that vectors of any width give the same bits.
 *
 * <p>Polynomials are minimax fits of the quoted function. The error bounds are of the whole
 * function, found by comparing with float64 at every third float32 argument (erf: every 211th).
 */
final class FloatMath {
  /** Arguments below give 0, arguments above infinity. */
  static final float EXP_LOWEST = -104;

  static final float EXP_HIGHEST = 89;
  static final float LOG2_E = 0x1.715476p0f;

  /** Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the pattern. */
  static final float ROUNDER = 0x1.8p23f;

  /** The upper 15 bits of ln 2: products with integers up to 2^9 are exact. */
  static final float LN2_HIGH = 0x1.62e4p-1f;

  static final float LN2_LOW = 0x1.7f7d1cp-20f;

  /** (e^r - 1 - r) / r^2 on +-ln(2)/2. */
  static final float EXP_0 = 0x1.fffffcp-2f;

  static final float EXP_1 = 0x1.555492p-3f;
  static final float EXP_2 = 0x1.5558dcp-5f;
  static final float EXP_3 = 0x1.1239d4p-7f;
  static final float EXP_4 = 0x1.6a328ep-10f;

  /** Magnitude from which tanh x is computed as 1 - 2 / (e^2x + 1). */
  static final float TANH_LARGE = 0.625f;

  /** (tanh x - x) / x^3 in powers of x^2 up to 0.65. */
  static final float TANH_0 = -0x1.555552p-2f;

  static final float TANH_1 = 0x1.11101ep-3f;
  static final float TANH_2 = -0x1.b9e042p-5f;
  static final float TANH_3 = 0x1.62eee6p-6f;
  static final float TANH_4 = -0x1.08f328p-7f;
  static final float TANH_5 = 0x1.0df418p-9f;

  /** Magnitude from which erf x is computed as 1 - e^-g(x). */
  static final float ERF_LARGE = 1;

  /** From here on erf x is 1 in float32. */
  static final float ERF_ONE = 4;

  /** erf(x) / x - 1 in powers of x^2 up to 1. */
  static final float ERF_0 = 0x1.06eba8p-3f;

  static final float ERF_1 = -0x1.81273ep-2f;
  static final float ERF_2 = 0x1.ce2cf8p-4f;
  static final float ERF_3 = -0x1.b7f90ep-6f;
  static final float ERF_4 = 0x1.5405b2p-8f;
  static final float ERF_5 = -0x1.a3f706p-11f;
  static final float ERF_6 = 0x1.496a42p-14f;

  /** g(x) = -ln(1 - erf x) in powers of x from 1 to 4. */
  static final float ERFC_0 = -0x1.8b3f22p-13f;

  static final float ERFC_1 = 0x1.212c2cp0f;
  static final float ERFC_2 = 0x1.4434fp-1f;
  static final float ERFC_3 = 0x1.bc18dp-4f;
  static final float ERFC_4 = -0x1.9d0bd6p-6f;
  static final float ERFC_5 = 0x1.1398fap-8f;
  static final float ERFC_6 = -0x1.ceeaeep-12f;
  static final float ERFC_7 = 0x1.6c069p-16f;

  static final float SQRT_HALF = (float) Math.sqrt(0.5);
  static final float SQRT_TWO_OVER_PI = (float) Math.sqrt(2 / Math.PI);
  static final float GELU_CUBE = 0.044715f;

  /** Arguments below give 0 in {@link #exp(double)}. */
  static final double EXP64_LOWEST = -708;

  static final double LOG2_E_64 = 0x1.71547652b82fep0;

  /** Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits of the pattern. */
  static final double ROUNDER_64 = 0x1.8p52;

  /** The upper 32 bits of ln 2: products with integers up to 2^21 are exact. */
  static final double LN2_HIGH_64 = 0x1.62e42fefp-1;

  static final double LN2_LOW_64 = 0x1.473de6af278edp-34;

  /** (e^r - 1 - r) / r^2 on +-ln(2)/2. */
  static final double[] EXP64 = {
    0x1.0000000000009p-1,
    0x1.55555555554fdp-3,
    0x1.5555555550b1dp-5,
    0x1.1111111127271p-7,
    0x1.6c16c183b0b86p-10,
    0x1.a01a012c7fd71p-13,
    0x1.a0199b2772ad3p-16,
    0x1.71df222f67296p-19,
    0x1.28ac8bb4faf7ep-22,
    0x1.ad82639ed153cp-26
  };

  private FloatMath() {}

  /** e^x with an error below 1.01 ulp, subnormal results included. */
  static float exp(float x) {
    float clamped = x < EXP_LOWEST ? EXP_LOWEST : x > EXP_HIGHEST ? EXP_HIGHEST : x;
    float shifted = Math.fma(clamped, LOG2_E, ROUNDER);
    float n = shifted - ROUNDER;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, clamped));
    float p = Math.fma(r, EXP_4, EXP_3);
    p = Math.fma(r, p, EXP_2);
    p = Math.fma(r, p, EXP_1);
    p = Math.fma(r, p, EXP_0);
    p = Math.fma(r * r, p, r) + 1;
    int power = Float.floatToRawIntBits(shifted) - Float.floatToRawIntBits(ROUNDER);
    int half = power >> 1;
    return p * powerOfTwo(half) * powerOfTwo(power - half);
  }

  private static float powerOfTwo(int exponent) {
    return Float.intBitsToFloat((exponent + 127) << 23);
  }

  /** e^x for x up to 0 with an error below 1.5 ulp of float64; 0 below {@link #EXP64_LOWEST}. */
  static double exp(double x) {
    double shifted = Math.fma(x, LOG2_E_64, ROUNDER_64);
    double n = shifted - ROUNDER_64;
    double r = Math.fma(n, -LN2_LOW_64, Math.fma(n, -LN2_HIGH_64, x));
    double p = EXP64[9];
    for (int i = 8; i >= 0; i--) {
      p = Math.fma(r, p, EXP64[i]);
    }
    p = Math.fma(r * r, p, r) + 1;
    long power = Double.doubleToRawLongBits(shifted) - Double.doubleToRawLongBits(ROUNDER_64);
    double value = p * Double.longBitsToDouble((power + 1023) << 52);
    return x < EXP64_LOWEST ? 0 : value;
  }

  /** The hyperbolic tangent with an error below 1.4 ulp. */
  static float tanh(float x) {
    float magnitude = Math.abs(x);
    if (magnitude >= TANH_LARGE) {
      return Math.copySign(1 - 2 / (exp(magnitude + magnitude) + 1), x);
    }
    float square = x * x;
    float p = Math.fma(square, TANH_5, TANH_4);
    p = Math.fma(square, p, TANH_3);
    p = Math.fma(square, p, TANH_2);
    p = Math.fma(square, p, TANH_1);
    p = Math.fma(square, p, TANH_0);
    return Math.fma(x * square, p, x);
  }

  /** The error function with an error below 1.2 ulp. */
  static float erf(float x) {
    float magnitude = Math.abs(x);
    if (magnitude >= ERF_LARGE) {
      float t = magnitude > ERF_ONE ? ERF_ONE : magnitude;
      float g = Math.fma(t, ERFC_7, ERFC_6);
      g = Math.fma(t, g, ERFC_5);
      g = Math.fma(t, g, ERFC_4);
      g = Math.fma(t, g, ERFC_3);
      g = Math.fma(t, g, ERFC_2);
      g = Math.fma(t, g, ERFC_1);
      g = Math.fma(t, g, ERFC_0);
      return Math.copySign(1 - exp(-g), x);
    }
    float square = x * x;
    float p = Math.fma(square, ERF_6, ERF_5);
    p = Math.fma(square, p, ERF_4);
    p = Math.fma(square, p, ERF_3);
    p = Math.fma(square, p, ERF_2);
    p = Math.fma(square, p, ERF_1);
    p = Math.fma(square, p, ERF_0);
    return Math.fma(x, p, x);
  }

  /** The activation of {@code x}: formulas as in {@link Activation}, each operation rounded. */
  static float activate(Activation activation, float x) {
    return switch (activation) {
      case SILU -> x / (1 + exp(-x));
      case GELU_TANH -> {
        float inner = SQRT_TWO_OVER_PI * (x + GELU_CUBE * (x * x * x));
        yield 0.5f * x * (1 + tanh(inner));
      }
      case GELU -> 0.5f * x * (1 + erf(x * SQRT_HALF));
      case RELU -> Math.max(x, 0);
      case CLAMPED_SWIGLU -> {
        float g = Math.min(x, Activation.SWIGLU_LIMIT) * Activation.SWIGLU_ALPHA;
        yield activate(Activation.SILU, g) * (1 / Activation.SWIGLU_ALPHA);
      }
    };
  }
}
