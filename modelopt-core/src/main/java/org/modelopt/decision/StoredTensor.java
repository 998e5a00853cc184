package org.modelopt.decision;

import java.lang.foreign.Arena;
import org.modelopt.tensor.DType;
import org.modelopt.tensor.Shape;
import org.modelopt.tensor.Tensor;

/** A tensor that is in memory only while it is used: mapped from a file, or small. */
public interface StoredTensor {
  /** Type of the elements. */
  DType dtype();

  /** Sizes along the axes. */
  Shape shape();

  /**
   * The tensor on the host, read-only.
   *
   * @param arena owner of the mapping, shared if other threads read the tensor; a tensor that is in
   *     memory anyway outlives it
   */
  Tensor open(Arena arena);

  /** A tensor that stays in memory. */
  static StoredTensor of(Tensor tensor) {
    return new InMemory(tensor);
  }

  /**
   * A tensor in memory.
   *
   * @param tensor on the host
   */
  record InMemory(Tensor tensor) implements StoredTensor {
    @Override
    public DType dtype() {
      return tensor.dtype();
    }

    @Override
    public Shape shape() {
      return tensor.shape();
    }

    @Override
    public Tensor open(Arena arena) {
      return tensor;
    }
  }
}
