package org.modelopt.models.decoder;

import java.util.Optional;

/**
 * How a router's logits choose the experts of a token and weigh them. All arithmetic is in float32;
 * of equal scores the expert with the lower number comes first.
 */
public sealed interface Routing {
  /**
   * Chooses and weighs.
   *
   * @param logits one per expert
   * @param chosen receives the experts, as many as it has elements, best first
   * @param weights receives their weights
   * @param correction the parameter that {@link #correctionName} names, empty if it names none
   */
  void choose(float[] logits, int[] chosen, float[] weights, float[] correction);

  /** Name within the router of a parameter {@code [experts]} that takes part in the choice. */
  default Optional<String> correctionName() {
    return Optional.empty();
  }

  /** Whether weights are factors of what experts read instead of what they give. */
  default boolean weighsInputs() {
    return false;
  }

  /**
   * Softmax over all experts, then the largest (Mixtral, Qwen).
   *
   * @param normalized whether the chosen weights are divided by their sum
   */
  record Softmax(boolean normalized) implements Routing {
    @Override
    public void choose(float[] logits, int[] chosen, float[] weights, float[] correction) {
      float[] scores = softmax(logits);
      largest(scores, chosen);
      gather(scores, chosen, weights);
      if (normalized) {
        scale(weights, 1 / sum(weights));
      }
    }
  }

  /** The largest logits, then softmax over those (gpt-oss). */
  record SoftmaxOfChosen() implements Routing {
    @Override
    public void choose(float[] logits, int[] chosen, float[] weights, float[] correction) {
      largest(logits, chosen);
      gather(logits, chosen, weights);
      System.arraycopy(softmax(weights), 0, weights, 0, weights.length);
    }
  }

  /** The largest logits; their sigmoids are factors of what the experts read (Llama 4). */
  record SigmoidOfInput() implements Routing {
    @Override
    public void choose(float[] logits, int[] chosen, float[] weights, float[] correction) {
      largest(logits, chosen);
      gather(logits, chosen, weights);
      for (int i = 0; i < weights.length; i++) {
        weights[i] = sigmoid(weights[i]);
      }
    }

    @Override
    public boolean weighsInputs() {
      return true;
    }
  }

  /**
   * Sigmoids, chosen by the sum with a learned correction among the experts of the best groups; a
   * group is as good as its two best experts together.
   *
   * <p>Source: DeepSeek-AI, "DeepSeek-V3 Technical Report", 2024, section 2.1.2.
   *
   * @param groups groups of neighbouring experts
   * @param topGroups groups that are kept
   * @param normalized whether the chosen weights are divided by their sum
   * @param factor of the weights
   */
  record GroupedSigmoid(int groups, int topGroups, boolean normalized, double factor)
      implements Routing {
    @Override
    public void choose(float[] logits, int[] chosen, float[] weights, float[] correction) {
      float[] scores = new float[logits.length];
      float[] corrected = new float[logits.length];
      for (int i = 0; i < scores.length; i++) {
        scores[i] = sigmoid(logits[i]);
        corrected[i] = scores[i] + correction[i];
      }
      int[] best = new int[topGroups];
      largest(groupScores(corrected), best);
      int size = corrected.length / groups;
      boolean[] kept = new boolean[groups];
      for (int group : best) {
        kept[group] = true;
      }
      for (int i = 0; i < corrected.length; i++) {
        corrected[i] = kept[i / size] ? corrected[i] : 0;
      }
      largest(corrected, chosen);
      gather(scores, chosen, weights);
      if (normalized) {
        scale(weights, 1 / (sum(weights) + 1e-20f));
      }
      scale(weights, (float) factor);
    }

    private float[] groupScores(float[] corrected) {
      int size = corrected.length / groups;
      float[] scores = new float[groups];
      for (int group = 0; group < groups; group++) {
        float first = Float.NEGATIVE_INFINITY;
        float second = Float.NEGATIVE_INFINITY;
        for (int i = group * size; i < (group + 1) * size; i++) {
          if (corrected[i] > first) {
            second = first;
            first = corrected[i];
          } else if (corrected[i] > second) {
            second = corrected[i];
          }
        }
        scores[group] = size == 1 ? first : first + second;
      }
      return scores;
    }

    @Override
    public Optional<String> correctionName() {
      return Optional.of("e_score_correction_bias");
    }
  }

  /** {@code 1 / (1 + e^-x)} in float32. */
  static float sigmoid(float x) {
    return 1 / (1 + (float) Math.exp(-x));
  }

  private static float[] softmax(float[] logits) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    float[] scores = new float[logits.length];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = (float) Math.exp(logits[i] - max);
    }
    scale(scores, 1 / sum(scores));
    return scores;
  }

  /** Indices of the largest scores in descending order. */
  private static void largest(float[] scores, int[] chosen) {
    boolean[] taken = new boolean[scores.length];
    for (int place = 0; place < chosen.length; place++) {
      int best = -1;
      for (int i = 0; i < scores.length; i++) {
        if (!taken[i] && (best < 0 || scores[i] > scores[best])) {
          best = i;
        }
      }
      taken[best] = true;
      chosen[place] = best;
    }
  }

  private static void gather(float[] scores, int[] chosen, float[] weights) {
    for (int i = 0; i < chosen.length; i++) {
      weights[i] = scores[chosen[i]];
    }
  }

  private static float sum(float[] values) {
    float sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum;
  }

  private static void scale(float[] values, float factor) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
  }
}
