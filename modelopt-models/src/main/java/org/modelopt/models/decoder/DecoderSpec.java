package org.modelopt.models.decoder;

import java.util.List;
import org.modelopt.compute.NormSpec;

/**
 * A decoder-only language model as data: everything that tells one architecture or size from
 * another. Families make it from a checkpoint's {@code config.json}; {@link DecoderLayers} turns it
 * into layers.
 *
 * @param vocabulary rows of the embedding
 * @param hidden channels of the residual stream
 * @param norm variant of all norms
 * @param blocks the decoder blocks in order
 * @param tiedHead whether the output head's weight is the embedding
 */
public record DecoderSpec(
    int vocabulary, int hidden, NormSpec norm, List<BlockSpec> blocks, boolean tiedHead) {
  /** Name of the output head's weight where it is not the embedding. */
  public static final String HEAD = "lm_head.weight";

  /** Name of the embedding's tensor. */
  public static final String EMBEDDING = "model.embed_tokens.weight";

  /** Copies the list. */
  public DecoderSpec {
    blocks = List.copyOf(blocks);
  }
}
