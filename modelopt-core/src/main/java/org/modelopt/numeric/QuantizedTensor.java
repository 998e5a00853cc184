package org.modelopt.numeric;

import java.lang.foreign.Arena;
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
 *     nibble). Signed integers are two's complement.
 * @param scales the scales
 */
public record QuantizedTensor(QuantSpec spec, Shape shape, Tensor codes, Scales scales) {
  /** Memory for codes and scales of a tensor, zero-filled, owned by {@code arena}. */
  public static QuantizedTensor allocate(
      QuantSpec spec, Shape shape, float globalScale, Arena arena) {
    return new QuantizedTensor(
        spec,
        shape,
        Tensor.allocate(arena, spec.codesDType(), spec.codesShape(shape)),
        Scales.allocate(spec, shape, globalScale, arena));
  }

  /**
   * Rows {@code from} (inclusive) to {@code to} (exclusive) along the first axis, not copied.
   *
   * @throws IllegalArgumentException if the rows cut a tile
   */
  public QuantizedTensor rows(long from, long to) {
    long[] dims = shape.dims().stream().mapToLong(Long::longValue).toArray();
    dims[0] = to - from;
    return new QuantizedTensor(
        spec, Shape.of(dims), codes.rows(from, to), scales.rows(spec.granularity(), from, to));
  }
}
