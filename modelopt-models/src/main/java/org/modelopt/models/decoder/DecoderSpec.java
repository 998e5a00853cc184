package org.modelopt.models.decoder;

import java.util.List;
import org.modelopt.compute.NormSpec;

/**
 * A decoder-only language model as data: everything that tells one architecture or size from
 * another, from token ids to logits.
 *
 * @param vocabulary rows of the embedding
 * @param hidden channels of the residual stream
 * @param norm variant of all norms
 * @param blocks the decoder blocks in order
 * @param tiedHead whether the output head's weight is the embedding
 * @param ends factors at both ends
 */
public record DecoderSpec(
    int vocabulary,
    int hidden,
    NormSpec norm,
    List<BlockSpec> blocks,
    boolean tiedHead,
    Ends ends) {
  /** Name of the output head's weight where it is not the embedding. */
  public static final String HEAD = "lm_head.weight";

  /** Name of the embedding's tensor. */
  public static final String EMBEDDING = "model.embed_tokens.weight";

  /**
   * Factors before the first block and after the output head.
   *
   * @param embeddingScale factor of embeddings
   * @param roundedScale whether that factor is rounded to the activations' type first (Gemma)
   * @param logitScale factor of logits
   * @param logitCap logits become {@code cap tanh(logit / cap)}; 0 for none
   */
  public record Ends(
      double embeddingScale, boolean roundedScale, double logitScale, double logitCap) {
    /** All as it is. */
    public static final Ends PLAIN = new Ends(1, false, 1, 0);
  }

  /** A copy with other factors at its ends. */
  public DecoderSpec with(Ends newEnds) {
    return new DecoderSpec(vocabulary, hidden, norm, blocks, tiedHead, newEnds);
  }

  /** Copies the list. */
  public DecoderSpec {
    blocks = List.copyOf(blocks);
  }
}
