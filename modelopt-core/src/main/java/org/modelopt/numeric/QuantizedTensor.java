package org.modelopt.numeric;

import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/**
 * Codes and scales of a tensor.
 *
 * @param spec what the codes mean
 * @param shape shape of the tensor that was quantized, {@code [rows, columns]}
 * @param codes on the host: F8_E4M3, F8_E5M2, I8 or U8 {@code [rows, columns]} for 8-bit formats;
 *     U8 {@code [rows, ceil(columns * bits / 8)]} for narrower ones, each row a little-endian bit
 *     stream: element 0 in the lowest bits of byte 0 (two 4-bit codes: even element in the low
 *     nibble)
 * @param scales the scales
 */
public record QuantizedTensor(QuantSpec spec, Shape shape, Tensor codes, Scales scales) {}
