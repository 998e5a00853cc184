package org.modelopt.models.decoder;

import org.modelopt.compute.Activation;

/**
 * Feed-forward {@code down(activation(gate(x)) * up(x))}.
 *
 * @param size channels between
 * @param activation non-linearity of the gate
 * @param bias whether the three linears have biases
 */
public record GatedFeedForward(int size, Activation activation, boolean bias) {}
