/**
 * Mixed precision: which linears get which of several formats, so that a model of a given size
 * loses least.
 *
 * <p>{@link org.modelopt.mixed.Unit}s are linears that must be decided together; each has {@link
 * org.modelopt.mixed.Option}s with a size and a score. {@link org.modelopt.mixed.Sensitivities}
 * holds them and finds the best {@link org.modelopt.mixed.Mix} for a number of bits, an ordinary
 * config, by {@link org.modelopt.mixed.Knapsack}. Not here: measuring the scores.
 */
@NullMarked
package org.modelopt.mixed;

import org.jspecify.annotations.NullMarked;
