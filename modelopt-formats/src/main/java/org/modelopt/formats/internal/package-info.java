/**
 * The inner loops of number formats, on short strips of elements. Not for use outside this module.
 *
 * <p>{@link org.modelopt.formats.internal.Kernels} lists the loops. {@link
 * org.modelopt.formats.internal.ScalarKernels} is their specification, built on {@code
 * org.modelopt.formats.codec}; VectorKernels does the same with the Vector API and gives the same
 * bits. {@link org.modelopt.formats.internal.Rungs} chooses one.
 *
 * <p>A strip is at most {@link org.modelopt.formats.internal.Strip#CAPACITY} elements of one row,
 * held as float32 in an array that stays in the first-level cache. Element types, formats,
 * groupings and packings meet only there, so that each of them is written once.
 */
@NullMarked
package org.modelopt.formats.internal;

import org.jspecify.annotations.NullMarked;
