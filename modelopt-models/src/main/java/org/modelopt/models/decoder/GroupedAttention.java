package org.modelopt.models.decoder;

import java.util.Optional;
import org.modelopt.compute.AttentionSpec;

/**
 * Attention whose query heads share key and value heads in groups: projections, normalisation of
 * heads, rotation, attention, projection back.
 *
 * @param spec heads, window, scale, cap
 * @param fused whether one linear {@code qkv_proj} stands for q_proj, k_proj and v_proj, its rows
 *     those of q, then k, then v
 * @param inputBias whether the projections to queries, keys and values have biases
 * @param outputBias whether o_proj has a bias
 * @param rotary rotary embedding of queries and keys
 * @param headNorm normalisation of queries and keys
 * @param sinks whether each head has one more score without a value, {@code self_attn.sinks}
 * @param temperature growth of queries with their position
 */
public record GroupedAttention(
    AttentionSpec spec,
    boolean fused,
    boolean inputBias,
    boolean outputBias,
    Optional<RotarySpec> rotary,
    HeadNorm headNorm,
    boolean sinks,
    Optional<Temperature> temperature)
    implements AttentionBlock {
  /** Normalisation of queries and keys. */
  public enum HeadNorm {
    /** None. */
    NONE,
    /** Each head on its own before rotation: {@code q_norm} and {@code k_norm} of one head. */
    EACH_HEAD,
    /** All heads together before rotation: {@code q_norm} and {@code k_norm} of all heads. */
    ALL_HEADS,
    /** Each head on its own after rotation, without a weight (Llama 4). */
    UNWEIGHTED_AFTER_ROTATION
  }

  /**
   * Growth of queries with their position p: {@code 1 + scale ln(1 + floor((p + 1) / floor))}
   * (Llama 4, layers without rotation).
   *
   * @param floor positions after which the factor grows
   * @param scale weight of the logarithm
   */
  public record Temperature(double floor, double scale) {
    /** Factor of the query at {@code position}. */
    float factor(int position) {
      return (float) (Math.log1p(Math.floor((position + 1) / floor)) * scale + 1);
    }
  }

  /** Separate projections without normalisation of heads, sinks or temperature. */
  public static GroupedAttention plain(
      AttentionSpec spec, boolean inputBias, boolean outputBias, Optional<RotarySpec> rotary) {
    return new GroupedAttention(
        spec, false, inputBias, outputBias, rotary, HeadNorm.NONE, false, Optional.empty());
  }

  /** A copy with other heads, window, scale or cap. */
  public GroupedAttention with(AttentionSpec newSpec) {
    return new GroupedAttention(
        newSpec, fused, inputBias, outputBias, rotary, headNorm, sinks, temperature);
  }

  /** A copy with one linear for queries, keys and values. */
  public GroupedAttention withFusedProjections() {
    return new GroupedAttention(
        spec, true, inputBias, outputBias, rotary, headNorm, sinks, temperature);
  }

  /** A copy with another rotary embedding. */
  public GroupedAttention withRotary(Optional<RotarySpec> newRotary) {
    return new GroupedAttention(
        spec, fused, inputBias, outputBias, newRotary, headNorm, sinks, temperature);
  }

  /** A copy with another normalisation of heads. */
  public GroupedAttention withHeadNorm(HeadNorm newNorm) {
    return new GroupedAttention(
        spec, fused, inputBias, outputBias, rotary, newNorm, sinks, temperature);
  }

  /** A copy with sinks. */
  public GroupedAttention withSinks() {
    return new GroupedAttention(
        spec, fused, inputBias, outputBias, rotary, headNorm, true, temperature);
  }

  /** A copy whose queries grow. */
  public GroupedAttention withTemperature(Temperature growth) {
    return new GroupedAttention(
        spec, fused, inputBias, outputBias, rotary, headNorm, sinks, Optional.of(growth));
  }
}
