package org.modelopt.models.decoder;

import java.util.Arrays;

/** Which tokens go to which expert, and with what weight. */
final class Assignment {
  private final int each;
  private final Routing routing;
  private final int[] chosen;
  private final float[] weights;
  private final int[] counts;

  Assignment(int tokens, int experts, int each, Routing routing) {
    this.each = each;
    this.routing = routing;
    this.chosen = new int[tokens * each];
    this.weights = new float[tokens * each];
    this.counts = new int[experts];
  }

  /** Chooses for one token. */
  void add(int token, float[] logits, float[] correction) {
    int[] experts = new int[each];
    float[] shares = new float[each];
    routing.choose(logits, experts, shares, correction);
    System.arraycopy(experts, 0, chosen, token * each, each);
    System.arraycopy(shares, 0, weights, token * each, each);
    for (int expert : experts) {
      counts[expert]++;
    }
  }

  /** Tokens of an expert, ascending. */
  int[] rowsOf(int expert) {
    int[] rows = new int[counts[expert]];
    int at = 0;
    for (int i = 0; i < chosen.length; i++) {
      if (chosen[i] == expert) {
        rows[at++] = i / each;
      }
    }
    return rows;
  }

  /** Factors of what an expert reads, in the order of its tokens. */
  float[] inputWeightsOf(int expert) {
    float[] factors = new float[counts[expert]];
    Arrays.fill(factors, 1);
    int at = 0;
    for (int i = 0; routing.weighsInputs() && i < chosen.length; i++) {
      if (chosen[i] == expert) {
        factors[at++] = weights[i];
      }
    }
    return factors;
  }

  /** For each token and each of its experts the row among the results of all experts in order. */
  int[] places() {
    int[] next = new int[counts.length];
    for (int e = 1; e < next.length; e++) {
      next[e] = next[e - 1] + counts[e - 1];
    }
    int[] places = new int[chosen.length];
    for (int i = 0; i < chosen.length; i++) {
      places[i] = next[chosen[i]]++;
    }
    return places;
  }

  /** Factors of what experts give, in the order of {@link #places}. */
  float[] outputWeights() {
    float[] factors = weights.clone();
    if (routing.weighsInputs()) {
      Arrays.fill(factors, 1);
    }
    return factors;
  }
}
