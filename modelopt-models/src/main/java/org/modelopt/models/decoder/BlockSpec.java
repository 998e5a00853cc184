package org.modelopt.models.decoder;

/**
 * One decoder block: attention and feed-forward, each added to the residual stream.
 *
 * @param norms where it normalises
 * @param attention the first branch
 * @param feedForward the second branch
 * @param branchScale factor of both branches before they are added
 */
public record BlockSpec(
    BlockNorms norms, AttentionBlock attention, FeedForward feedForward, double branchScale) {
  /** Branches added as they are. */
  public BlockSpec(BlockNorms norms, AttentionBlock attention, FeedForward feedForward) {
    this(norms, attention, feedForward, 1);
  }
}
