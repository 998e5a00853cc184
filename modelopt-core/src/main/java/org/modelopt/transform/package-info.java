/**
 * Changes of parameters that leave the function of a model as it is: factors moved from one
 * parameter to the next, and rotations of channels.
 *
 * <p>A {@link org.modelopt.transform.Change} says what happens to one parameter; {@link
 * org.modelopt.transform.Changes} applies a list of them. Who decides them pairs each with its
 * counterpart: columns of a linear multiplied by f go with a norm's weight, the rows of a linear,
 * or the input divided by f. {@link org.modelopt.transform.Rotation} is the Hadamard rotation of
 * QuaRot (arXiv 2404.00456).
 */
@NullMarked
package org.modelopt.transform;

import org.jspecify.annotations.NullMarked;
