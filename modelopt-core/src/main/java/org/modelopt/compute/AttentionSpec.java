package org.modelopt.compute;

/**
 * Shape and variant of causal attention.
 *
 * @param heads number of query heads
 * @param keyValueHeads number of key and value heads; divides {@code heads}, query head h reads key
 *     head h / (heads / keyValueHeads)
 * @param headSize elements per query and key head
 * @param valueHeadSize elements per value head
 * @param scale factor of the scores, usually headSize^-0.5
 * @param slidingWindow number of keys that a query sees, its own included; 0 for all before it
 * @param softCap scores become {@code softCap * tanh(score / softCap)}; 0 for none
 * @param chunk a query sees only keys of its own run of that many positions (Llama 4); 0 for all
 */
public record AttentionSpec(
    int heads,
    int keyValueHeads,
    int headSize,
    int valueHeadSize,
    float scale,
    int slidingWindow,
    float softCap,
    int chunk) {
  /** Checks that heads divide evenly and that sizes are positive. */
  public AttentionSpec {
    if (heads <= 0 || keyValueHeads <= 0 || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "%d query heads cannot share %d key/value heads evenly".formatted(heads, keyValueHeads));
    }
    if (headSize <= 0 || valueHeadSize <= 0 || slidingWindow < 0 || softCap < 0 || chunk < 0) {
      throw new IllegalArgumentException(
          "head sizes must be positive, window, cap and chunk not negative: %d, %d, %d, %s, %d"
              .formatted(headSize, valueHeadSize, slidingWindow, softCap, chunk));
    }
  }

  /** Grouped-query attention over the whole prefix with the usual scale, headSize^-0.5. */
  public static AttentionSpec causal(int heads, int keyValueHeads, int headSize) {
    float scale = (float) (1.0 / Math.sqrt(headSize));
    return new AttentionSpec(heads, keyValueHeads, headSize, headSize, scale, 0, 0, 0);
  }

  /** A copy with another scale of the scores. */
  public AttentionSpec withScale(double newScale) {
    return new AttentionSpec(
        heads,
        keyValueHeads,
        headSize,
        valueHeadSize,
        (float) newScale,
        slidingWindow,
        softCap,
        chunk);
  }

  /** A copy with a sliding window of that many keys; 0 for none. */
  public AttentionSpec withWindow(int keys) {
    return new AttentionSpec(
        heads, keyValueHeads, headSize, valueHeadSize, scale, keys, softCap, chunk);
  }

  /** A copy with capped scores; 0 for none. */
  public AttentionSpec withSoftCap(double cap) {
    return new AttentionSpec(
        heads, keyValueHeads, headSize, valueHeadSize, scale, slidingWindow, (float) cap, chunk);
  }

  /** A copy that sees only keys of its own run of {@code positions}; 0 for all. */
  public AttentionSpec withChunk(int positions) {
    return new AttentionSpec(
        heads, keyValueHeads, headSize, valueHeadSize, scale, slidingWindow, softCap, positions);
  }

  /** First key that the query at {@code position} sees. */
  public int firstKey(int position) {
    int first = slidingWindow == 0 ? 0 : Math.max(0, position - slidingWindow + 1);
    return chunk == 0 ? first : Math.max(first, position / chunk * chunk);
  }
}
