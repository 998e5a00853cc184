/**
 * Tensors: a {@link org.modelopt.tensor.DType}, a {@link org.modelopt.tensor.Shape} and the {@link
 * org.modelopt.tensor.Storage} that holds the bytes.
 *
 * <p>A {@link org.modelopt.tensor.Tensor} is row-major and contiguous, last axis fastest, little
 * endian, as in safetensors. Sizes and offsets are {@code long}: tensors may have more than 2^31
 * elements or bytes. A tensor never owns its memory; the {@link java.lang.foreign.Arena} (host) or
 * the scope of a backend (device) that allocated it does, and using a tensor after that was closed
 * throws {@link java.lang.IllegalStateException}.
 *
 * <p>Arithmetic does not live here: see {@code org.modelopt.compute} for operations and {@code
 * org.modelopt.numeric} for number formats.
 */
@NullMarked
package org.modelopt.tensor;

import org.jspecify.annotations.NullMarked;
