package org.modelopt.models.decoder;

import org.modelopt.compute.Activation;

/**
 * Feed-forward {@code down(activation(gate(x)) * up(x))}.
 *
 * @param module name of the module within the block, usually {@code mlp}
 * @param size channels between
 * @param activation non-linearity of the gate
 * @param bias whether the linears have biases
 * @param fused whether one linear {@code gate_up_proj} stands for gate_proj and up_proj, its rows
 *     those of gate, then up
 */
public record GatedFeedForward(
    String module, int size, Activation activation, boolean bias, boolean fused)
    implements FeedForward {
  /** Separate linears in the module {@code mlp}. */
  public static GatedFeedForward of(int size, Activation activation, boolean bias) {
    return new GatedFeedForward("mlp", size, activation, bias, false);
  }
}
