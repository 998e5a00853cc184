package org.modelopt.models.decoder;

/**
 * Weights of all experts in one tensor: {@code experts.gate_up_proj} {@code [experts, hidden, 2
 * size]} and {@code experts.down_proj} {@code [experts, size, hidden]}, input first; biases {@code
 * experts.gate_up_proj_bias} and {@code experts.down_proj_bias} {@code [experts, out]}.
 *
 * @param interleaved whether columns of gate and up alternate instead of standing one after the
 *     other
 * @param separable whether servers also read the experts one by one, so that each may be quantized
 *     in any format and written on its own; else all are, in MXFP4, and stay stacked
 */
public record StackedExperts(boolean interleaved, boolean separable) {}
