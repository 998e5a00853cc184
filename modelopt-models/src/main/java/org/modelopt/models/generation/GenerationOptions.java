package org.modelopt.models.generation;

import java.util.List;
import java.util.Set;

/**
 * How text is continued.
 *
 * @param maxTokens tokens to produce at most
 * @param temperature divisor of logits before a token is drawn; 0 takes the likeliest
 * @param topP tokens are drawn from the likeliest that together have this probability; 1 for all
 * @param seed of the draws
 * @param stops texts at whose first appearance the text ends, without them
 * @param endTokens tokens that end the text
 */
public record GenerationOptions(
    int maxTokens,
    double temperature,
    double topP,
    long seed,
    List<String> stops,
    Set<Integer> endTokens) {
  /** Checks the ranges. */
  public GenerationOptions {
    if (maxTokens < 0 || !(temperature >= 0) || !(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException(
          "tokens and temperature must not be negative, top_p above 0 and at most 1: %d, %s, %s"
              .formatted(maxTokens, temperature, topP));
    }
    stops = List.copyOf(stops);
    endTokens = Set.copyOf(endTokens);
  }

  /** The likeliest token each time. */
  public static GenerationOptions greedy(
      int maxTokens, List<String> stops, Set<Integer> endTokens) {
    return new GenerationOptions(maxTokens, 0, 1, 0, stops, endTokens);
  }
}
