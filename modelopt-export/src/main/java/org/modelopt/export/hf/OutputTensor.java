package org.modelopt.export.hf;

import java.lang.foreign.Arena;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;
import org.modelopt.tensor.TensorInfo;

/**
 * A tensor to be written and what makes it when its turn comes.
 *
 * @param info name, type and shape on disk
 * @param content makes the bytes
 */
record OutputTensor(TensorInfo info, Content content) {
  /** Makes the content of a tensor, on the host. */
  @FunctionalInterface
  interface Content {
    /** The content, in memory owned by {@code arena}. */
    Tensor make(Arena arena, Encoder encoder);
  }

  /** A scalar F32 tensor. */
  static OutputTensor scalar(String name, float value) {
    return new OutputTensor(
        new TensorInfo(name, DType.F32, Shape.scalar()),
        (arena, encoder) -> Tensor.ofFloats(arena, Shape.scalar(), value));
  }
}
