package org.modelopt.models.decoder;

import java.util.Optional;

/**
 * Where a block normalises, by the names of its norms: before a branch (attention, feed-forward),
 * after it (before it is added to the residual stream), or both.
 *
 * @param beforeAttention norm of what attention reads
 * @param afterAttention norm of what attention gives
 * @param beforeFeedForward norm of what the feed-forward reads
 * @param afterFeedForward norm of what the feed-forward gives
 */
public record BlockNorms(
    Optional<String> beforeAttention,
    Optional<String> afterAttention,
    Optional<String> beforeFeedForward,
    Optional<String> afterFeedForward) {
  /** Before each branch: Llama and most others. */
  public static final BlockNorms BEFORE =
      new BlockNorms(
          Optional.of("input_layernorm"),
          Optional.empty(),
          Optional.of("post_attention_layernorm"),
          Optional.empty());
}
