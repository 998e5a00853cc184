package org.modelopt.models.decoder;

/**
 * One decoder block: attention and feed-forward, each added to the residual stream.
 *
 * @param norms where it normalises
 * @param attention the first branch
 * @param feedForward the second branch
 */
public record BlockSpec(BlockNorms norms, AttentionBlock attention, GatedFeedForward feedForward) {}
