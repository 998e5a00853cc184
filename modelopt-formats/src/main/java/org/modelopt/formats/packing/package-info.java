/**
 * How integer and 4-bit codes lie in files. Encoding is one matter, packing another: a quantizer
 * writes codes row by row as a little-endian bit stream (see {@link
 * org.modelopt.numeric.QuantizedTensor}); a {@link org.modelopt.formats.packing.Packing} (one of
 * {@link org.modelopt.formats.packing.Packings}) moves them to where a consumer looks for them, and
 * back.
 *
 * <pre>{@code
 * Codes codes = Codes.of(quantized).withOffset();               // -8..7 stored as 0..15
 * Tensor words = Packings.GPTQ_WEIGHT.pack(codes, arena);        // I32 [K / 8, N]
 * }</pre>
 *
 * <p>All packings are permutations of the codes' bits, so that unpacking gives back what was
 * packed.
 */
@NullMarked
package org.modelopt.formats.packing;

import org.jspecify.annotations.NullMarked;
