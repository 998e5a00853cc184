package org.modelopt.models.decoder;

import java.util.List;

/**
 * How rotary frequencies are stretched for sequences longer than those of pre-training.
 *
 * <p>With d rotary dimensions and base b the plain inverse frequencies are {@code inv_i =
 * b^(-2i/d)}, i = 0 to d/2 - 1, computed in float32 as the reference does. Source: {@code
 * modeling_rope_utils.py} of transformers.
 */
public sealed interface RotaryScaling {
  /**
   * Inverse frequencies for a sequence.
   *
   * @param dims rotary dimensions d of a head
   * @param theta base b
   * @param length length of the sequence in tokens
   * @return d/2 values in float32
   */
  float[] inverseFrequencies(int dims, double theta, int length);

  /** Factor of cos and sin. */
  default double attentionFactor() {
    return 1;
  }

  /** Whether the frequencies differ between lengths of sequences. */
  default boolean dependsOnLength() {
    return false;
  }

  /** Frequencies as they are. */
  record None() implements RotaryScaling {
    @Override
    public float[] inverseFrequencies(int dims, double theta, int length) {
      return plain(dims, theta);
    }
  }

  /**
   * All frequencies divided by one factor: {@code inv / factor}.
   *
   * @param factor ratio of new to old length
   */
  record Linear(double factor) implements RotaryScaling {
    @Override
    public float[] inverseFrequencies(int dims, double theta, int length) {
      float[] inverse = plain(dims, theta);
      for (int i = 0; i < inverse.length; i++) {
        inverse[i] /= (float) factor;
      }
      return inverse;
    }
  }

  /**
   * The base grows with the sequence: {@code b' = b (factor L / max - (factor - 1))^(d/(d-2))}, L
   * the larger of length and max.
   *
   * @param factor ratio of new to old length
   * @param maxPositions length of pre-training
   */
  record Dynamic(double factor, int maxPositions) implements RotaryScaling {
    @Override
    public float[] inverseFrequencies(int dims, double theta, int length) {
      double ratio = (double) Math.max(length, maxPositions) / maxPositions;
      double growth = factor * ratio - (factor - 1);
      return plain(dims, theta * Math.pow(growth, dims / (dims - 2.0)));
    }

    @Override
    public boolean dependsOnLength() {
      return true;
    }
  }

  /**
   * Long wavelengths w = 2 pi / inv are stretched, short ones kept, those between blended: {@code w
   * > original/low: inv/factor; w < original/high: inv; else (1-s) inv/factor + s inv} with {@code
   * s = (original/w - low) / (high - low)}.
   *
   * @param factor ratio of new to old length
   * @param lowFrequencyFactor low
   * @param highFrequencyFactor high
   * @param originalPositions length of pre-training
   */
  record Llama3(
      double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalPositions)
      implements RotaryScaling {
    @Override
    public float[] inverseFrequencies(int dims, double theta, int length) {
      float[] inverse = plain(dims, theta);
      double longest = originalPositions / lowFrequencyFactor;
      double shortest = originalPositions / highFrequencyFactor;
      for (int i = 0; i < inverse.length; i++) {
        float wavelength = (float) (2 * Math.PI) / inverse[i];
        if (wavelength > longest) {
          inverse[i] /= (float) factor;
        } else if (wavelength >= shortest) {
          float s =
              (originalPositions / wavelength - (float) lowFrequencyFactor)
                  / (float) (highFrequencyFactor - lowFrequencyFactor);
          inverse[i] = (1 - s) * inverse[i] / (float) factor + s * inverse[i];
        }
      }
      return inverse;
    }
  }

  /**
   * YaRN: dimensions that turn often within the original length are kept, those that turn seldom
   * are stretched, with a linear ramp between: {@code inv' = ramp inv/factor + (1 - ramp) inv}.
   *
   * <p>Source: Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models",
   * 2023, section 3.2.
   *
   * @param factor ratio of new to old length
   * @param originalPositions length of pre-training
   * @param betaFast turns from which a dimension is kept
   * @param betaSlow turns up to which a dimension is stretched fully
   * @param truncate whether the ends of the ramp are rounded to whole dimensions
   * @param attentionFactor factor of cos and sin
   */
  record Yarn(
      double factor,
      int originalPositions,
      double betaFast,
      double betaSlow,
      boolean truncate,
      double attentionFactor)
      implements RotaryScaling {
    /** The factor of cos and sin that YaRN recommends: {@code 0.1 m ln(factor) + 1}. */
    public static double magnitude(double factor, double m) {
      return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
    }

    @Override
    public float[] inverseFrequencies(int dims, double theta, int length) {
      double low = dimension(betaFast, dims, theta);
      double high = dimension(betaSlow, dims, theta);
      if (truncate) {
        low = Math.floor(low);
        high = Math.ceil(high);
      }
      low = Math.max(low, 0);
      high = Math.min(high, dims - 1.0);
      if (low == high) {
        high += 0.001; // as the reference does, so that the ramp has a slope
      }
      float[] inverse = plain(dims, theta);
      for (int i = 0; i < inverse.length; i++) {
        float ramp = Math.clamp((i - (float) low) / (float) (high - low), 0f, 1f);
        float kept = 1 - ramp;
        inverse[i] = inverse[i] / (float) factor * (1 - kept) + inverse[i] * kept;
      }
      return inverse;
    }

    /** Dimension that turns {@code turns} times within the original length. */
    private double dimension(double turns, int dims, double theta) {
      return dims * Math.log(originalPositions / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
  }

  /**
   * LongRoPE: every frequency has a divisor of its own, from one list for sequences up to the
   * original length and another beyond.
   *
   * <p>Source: Ding et al., "LongRoPE", 2024; Phi-3.
   *
   * @param shortFactors divisors up to the original length, d/2 of them
   * @param longFactors divisors beyond
   * @param originalPositions length of pre-training
   * @param attentionFactor factor of cos and sin
   */
  record LongRope(
      List<Double> shortFactors,
      List<Double> longFactors,
      int originalPositions,
      double attentionFactor)
      implements RotaryScaling {
    /** Copies the lists. */
    public LongRope {
      shortFactors = List.copyOf(shortFactors);
      longFactors = List.copyOf(longFactors);
    }

    @Override
    public float[] inverseFrequencies(int dims, double theta, int length) {
      List<Double> factors = length > originalPositions ? longFactors : shortFactors;
      float[] inverse = new float[dims / 2];
      for (int i = 0; i < inverse.length; i++) {
        inverse[i] = 1 / (factors.get(i).floatValue() * power(dims, theta, i));
      }
      return inverse;
    }

    @Override
    public boolean dependsOnLength() {
      return true;
    }
  }

  private static float[] plain(int dims, double theta) {
    float[] inverse = new float[dims / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = 1 / power(dims, theta, i);
    }
    return inverse;
  }

  /** {@code theta^(2i/d)}, the exponent and the result rounded to float32. */
  private static float power(int dims, double theta, int i) {
    return (float) Math.pow(theta, 2f * i / dims);
  }
}
