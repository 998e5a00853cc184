package org.modelopt.models.stored;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;
import org.modelopt.models.decoder.TensorSlice;
import org.modelopt.numeric.QuantSpec;
import org.modelopt.numeric.QuantizedTensor;
import org.modelopt.numeric.Scales;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;
import org.modelopt.tensor.TensorSource;

/**
 * Experts of gpt-oss as shipped: for all of a layer {@code _blocks} U8 {@code [experts, out, in/32,
 * 16]} with two E2M1 codes a byte, the first in the low half, and {@code _scales} U8 {@code
 * [experts, out, in/32]}, E8M0; rows of gate and up alternate.
 */
final class StackedMxfp4 {
  private static final String BLOCKS = "_blocks";
  private static final String SCALES = "_scales";
  private static final int BLOCK = 32;

  private StackedMxfp4() {}

  /** The weight that {@code slice} is, if its stack is stored so. */
  static Optional<StoredWeight> find(TensorSlice slice, TensorSource source) {
    Optional<TensorInfo> blocks = source.find(slice.stack() + BLOCKS);
    Optional<TensorInfo> scales = source.find(slice.stack() + SCALES);
    if (slice.shape().rank() != 2 || blocks.isEmpty() || scales.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new StoredWeight(
            QuantSpec.MXFP4,
            Set.of(slice.stack() + BLOCKS, slice.stack() + SCALES),
            arena -> read(slice, source, arena)));
  }

  private static QuantizedTensor read(TensorSlice slice, TensorSource source, Arena arena) {
    Shape shape = slice.shape();
    long groups = shape.dim(1) / BLOCK;
    Tensor codes = rows(slice, source, BLOCKS, groups * BLOCK / 2, DType.U8, arena);
    Tensor scales = rows(slice, source, SCALES, groups, DType.F8_E8M0, arena);
    return new QuantizedTensor(QuantSpec.MXFP4, shape, codes, Scales.of(scales));
  }

  /** Every step-th row of one expert's bytes. */
  private static Tensor rows(
      TensorSlice slice, TensorSource source, String suffix, long bytes, DType dtype, Arena arena) {
    try (Arena temporary = Arena.ofShared()) {
      Tensor stack = source.open(slice.stack() + suffix, temporary);
      long stored = stack.shape().dim(1);
      long rows = slice.shape().dim(0);
      Tensor result = Tensor.allocate(arena, dtype, Shape.of(rows, bytes));
      for (long row = 0; row < rows; row++) {
        long from = slice.expert() * stored + slice.first() + row * slice.step();
        MemorySegment.copy(stack.segment(), from * bytes, result.segment(), row * bytes, bytes);
      }
      return result;
    }
  }
}
