package org.modelopt.models.decoder;

import org.modelopt.tensor.Shape;

/**
 * A tensor that is part of a stored one: of the stack {@code [experts, in, out]} or {@code
 * [experts, out]} one expert, of that every {@code step}-th of the {@code out} columns from {@code
 * first} on, transposed to {@code [columns, in]} or {@code [columns]}.
 *
 * @param name its name
 * @param shape its shape
 * @param stack name of the stored tensor
 * @param expert index along the first axis of the stack
 * @param first first column
 * @param step distance of columns
 * @param listed whether it is listed among the model's tensors in place of the stack
 */
public record TensorSlice(
    String name, Shape shape, String stack, int expert, int first, int step, boolean listed) {}
