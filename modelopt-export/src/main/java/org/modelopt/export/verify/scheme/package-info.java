/**
 * How quantized linear layers are stored: for each format a {@link
 * org.modelopt.export.verify.scheme.Scheme} with its tensors, the tiles that share a scale, the
 * grid of its values, and a decoder.
 *
 * <p>Everything here was written from the formats' descriptions and shares no code with the
 * encoders and packers of this library: a mistake there must not be repeated here.
 */
@NullMarked
package org.modelopt.export.verify.scheme;

import org.jspecify.annotations.NullMarked;
