package org.modelopt.models.decoder;

import java.util.Optional;
import org.modelopt.compute.AttentionSpec;

/**
 * Attention of a decoder block: projections to queries, keys and values, rotation, attention,
 * projection back.
 *
 * @param spec heads, window, scale
 * @param inputBias whether q_proj, k_proj and v_proj have biases
 * @param outputBias whether o_proj has a bias
 * @param rotary rotary embedding of queries and keys
 */
public record AttentionBlock(
    AttentionSpec spec, boolean inputBias, boolean outputBias, Optional<RotarySpec> rotary) {}
