package org.modelopt.models.decoder;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * Multi-head latent attention: keys and values come from one small latent vector per token, beside
 * it one rotated key that all heads share.
 *
 * <p>Source: DeepSeek-AI, "DeepSeek-V2", 2024, section 2.1.
 *
 * @param heads query heads; as many key and value heads
 * @param queryRank size of the latent of queries; empty for queries projected directly
 * @param latent size of the latent of keys and values
 * @param plainSize elements of a query and key head that are not rotated
 * @param rotatedSize elements that are rotated
 * @param valueSize elements of a value head
 * @param scale factor of the scores
 * @param bias whether q_a_proj, kv_a_proj_with_mqa and o_proj have biases
 * @param rotary rotary embedding of the rotated elements
 */
public record LatentAttention(
    int heads,
    OptionalInt queryRank,
    int latent,
    int plainSize,
    int rotatedSize,
    int valueSize,
    double scale,
    boolean bias,
    Optional<RotarySpec> rotary)
    implements AttentionBlock {}
