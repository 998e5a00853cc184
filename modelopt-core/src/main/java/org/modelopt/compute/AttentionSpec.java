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
 */
public record AttentionSpec(
    int heads,
    int keyValueHeads,
    int headSize,
    int valueHeadSize,
    float scale,
    int slidingWindow,
    float softCap) {
  /** Checks that heads divide evenly and that sizes are positive. */
  public AttentionSpec {
    if (heads <= 0 || keyValueHeads <= 0 || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "%d query heads cannot share %d key/value heads evenly".formatted(heads, keyValueHeads));
    }
    if (headSize <= 0 || valueHeadSize <= 0 || slidingWindow < 0 || softCap < 0) {
      throw new IllegalArgumentException(
          "head sizes must be positive, window and cap not negative: %d, %d, %d, %s"
              .formatted(headSize, valueHeadSize, slidingWindow, softCap));
    }
  }

  /** Grouped-query attention over the whole prefix with the usual scale, headSize^-0.5. */
  public static AttentionSpec causal(int heads, int keyValueHeads, int headSize) {
    float scale = (float) (1.0 / Math.sqrt(headSize));
    return new AttentionSpec(heads, keyValueHeads, headSize, headSize, scale, 0, 0);
  }
}
