package org.modelopt.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A place for tensors that were declared beforehand: the counterpart of {@link TensorSource}.
 *
 * <p>Tensors may be written in any order, whole or in pieces, and by several threads; only pieces
 * that are appended must come from one thread at a time. The result does not depend on the order.
 */
public interface TensorSink {
  /** All tensors expected, in a fixed order. */
  List<TensorInfo> tensors();

  /** What was declared as {@code name}, if anything was. */
  Optional<TensorInfo> find(String name);

  /**
   * Appends bytes to the tensor called {@code name}; its pieces follow each other, first bytes
   * first.
   *
   * @throws IllegalArgumentException if nothing of that name was declared, or the tensor would get
   *     more bytes than declared
   * @throws org.modelopt.error.ExportException if the bytes cannot be written
   */
  void write(String name, MemorySegment piece);

  /**
   * Writes bytes to a place within the tensor called {@code name}. Pieces must not overlap, and a
   * tensor gets either pieces with places or appended ones.
   *
   * @param offset bytes from the start of the tensor
   * @throws IllegalArgumentException if nothing of that name was declared, or the piece does not
   *     lie within the tensor
   * @throws org.modelopt.error.ExportException if the bytes cannot be written
   */
  void write(String name, long offset, MemorySegment piece);

  /**
   * Writes a whole host tensor as {@code name}.
   *
   * @throws IllegalArgumentException if another type or shape was declared
   * @throws org.modelopt.error.ExportException if the bytes cannot be written
   */
  default void write(String name, Tensor tensor) {
    TensorInfo declared =
        find(name)
            .orElseThrow(() -> new IllegalArgumentException("no tensor " + name + " was declared"));
    if (declared.dtype() != tensor.dtype() || !declared.shape().equals(tensor.shape())) {
      throw new IllegalArgumentException(
          "%s was declared as %s %s, not %s %s"
              .formatted(name, declared.dtype(), declared.shape(), tensor.dtype(), tensor.shape()));
    }
    write(name, tensor.segment());
  }
}
