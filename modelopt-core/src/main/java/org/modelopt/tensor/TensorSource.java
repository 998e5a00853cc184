package org.modelopt.tensor;

import java.lang.foreign.Arena;
import java.util.Collection;
import java.util.Optional;

/**
 * Named tensors that can be read one at a time: a checkpoint, or weights an application made.
 * Implementations are safe for use by several threads.
 */
public interface TensorSource {
  /** All tensors, in a fixed order. */
  Collection<TensorInfo> tensors();

  /** The tensor called {@code name}, if there is one. */
  Optional<TensorInfo> find(String name);

  /**
   * The tensor called {@code name} as a read-only host tensor that lives as long as {@code arena}.
   * Reading is lazy and copies nothing where the source is a file; closing the arena gives the
   * memory back.
   *
   * @param arena owner of the mapping; a shared arena if other threads read the tensor
   * @throws org.modelopt.error.CheckpointException if there is no such tensor or it cannot be read
   */
  Tensor open(String name, Arena arena);
}
