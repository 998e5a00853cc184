/**
 * What calibration saw, in a form that can be merged.
 *
 * <p>{@link org.modelopt.statistics.Statistics} of one site (the input of a group of linears, or a
 * cached tensor) is a commutative monoid under {@code merge} for maxima and counts; sums are
 * float64 and merged in sample order, so that results do not depend on threads. {@link
 * org.modelopt.statistics.Observer} is the hook through which a forward pass hands tensors over.
 */
@NullMarked
package org.modelopt.statistics;

import org.jspecify.annotations.NullMarked;
