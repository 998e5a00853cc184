package org.modelopt.compute;

/**
 * Variant of root-mean-square normalisation: {@code x / sqrt(mean(x^2) + epsilon)} times a weight.
 *
 * @param epsilon added to the mean square, in float32
 * @param unitOffset whether the stored weight w stands for 1 + w (Gemma)
 * @param weightInFloat32 whether the weight is applied before the result is rounded to the
 *     activations' type (Gemma, OLMo2, gpt-oss) instead of after (Llama)
 */
public record NormSpec(float epsilon, boolean unitOffset, boolean weightInFloat32) {
  /** Normalisation as in Llama: weight applied after rounding. */
  public static NormSpec rms(double epsilon) {
    return new NormSpec((float) epsilon, false, false);
  }
}
